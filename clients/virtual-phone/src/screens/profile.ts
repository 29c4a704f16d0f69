/** Profile screen: the member's data, and actions. */

import type { Device } from '../device.js'
import { h } from '../dom.js'
import { language, texts } from '../language.js'
import { cell, errorMessage, formatDate, smallButton, title } from './components.js'

export function profile(device: Device): HTMLElement {
  const { member, isBusy } = device
  const { phoneNumber, bind, devices, logout, logoutEverywhere, loading } = texts()
  if (!member) {
    return h(
      'div',
      { class: 'page' },
      title(texts().profile),
      isBusy && h('p', {}, loading),
      errorMessage(device),
    )
  }
  return h(
    'div',
    { class: 'page' },
    h(
      'div',
      { class: 'member' },
      h('div', { class: 'avatar', 'aria-hidden': 'true' }, [...member.nickName][0]),
      h(
        'div',
        {},
        title(member.nickName),
        h('p', { class: 'aside' }, texts().memberSince(formatDate(member.createdAt, language()))),
      ),
    ),
    h(
      'div',
      { class: 'weui-cells' },
      nameForm(device, member.nickName),
      cell(phoneNumber, member.phone ?? smallButton('bind', bind, () => void device.bindPhone())),
      h(
        'button',
        {
          id: 'devices',
          class: 'weui-cell weui-cell_active link',
          onclick: () => void device.openDevices(),
        },
        h('span', { class: 'weui-cell__bd' }, devices),
        h('span', { class: 'weui-cell__ft', 'aria-hidden': 'true' }, '›'),
      ),
    ),
    h(
      'div',
      { class: 'buttons' },
      h(
        'button',
        { id: 'logout', class: 'weui-btn weui-btn_default', onclick: () => void device.logout(false) },
        logout,
      ),
      h(
        'button',
        {
          id: 'logout-everywhere',
          class: 'weui-btn weui-btn_default warn',
          onclick: () => void device.logout(true),
        },
        logoutEverywhere,
      ),
    ),
    errorMessage(device),
  )
}

function nameForm(device: Device, nickName: string): HTMLElement {
  const { nickname, save } = texts()
  const input = h('input', {
    id: 'nickname',
    class: 'weui-input',
    value: device.draft ?? nickName,
    maxlength: 64,
    required: true,
    autocomplete: 'off',
    oninput: () => (device.draft = input.value),
  })
  const submit = (event: Event) => {
    event.preventDefault()
    void device.rename(input.value)
  }
  return h(
    'form',
    { class: 'weui-cell', onsubmit: submit },
    h('div', { class: 'weui-cell__hd' }, h('label', { class: 'weui-label', for: 'nickname' }, nickname)),
    h('div', { class: 'weui-cell__bd' }, input),
    h(
      'div',
      { class: 'weui-cell__ft' },
      h('button', { id: 'save', class: 'weui-btn weui-btn_mini weui-btn_default' }, save),
    ),
  )
}
