/** The profile page: who the member is, and the ways from there. */

import type { Device } from '../device.js'
import { h } from '../dom.js'
import { language, texts } from '../language.js'
import { cell, day, problem, small, title } from './parts.js'

export function profile(device: Device): HTMLElement {
  const { member, busy } = device
  const { number, bind, devices, logout, logoutEverywhere, loading } = texts()
  if (!member) {
    return h('div', { class: 'page' }, title(texts().profile), busy && h('p', {}, loading), problem(device))
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
        h('p', { class: 'aside' }, texts().since(day(member.createdAt, language()))),
      ),
    ),
    h(
      'div',
      { class: 'weui-cells' },
      nameForm(device, member.nickName),
      cell(number, member.phone ?? small('bind', bind, () => void device.bindPhone())),
      h(
        'button',
        {
          id: 'devices',
          class: 'weui-cell weui-cell_active line',
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
    problem(device),
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
