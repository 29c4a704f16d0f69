/** The login page of the mini program. */

import type { Device } from '../device.js'
import { h } from '../dom.js'
import { texts } from '../language.js'
import { problem, title } from './parts.js'

export function login(device: Device): HTMLElement {
  const { welcome, welcomeHint, withPhone, withoutPhone } = texts()
  const { busy } = device
  return h(
    'div',
    { class: 'page login' },
    h('div', { class: 'logo', 'aria-hidden': 'true' }, '门'),
    title(welcome),
    h('p', { class: 'aside' }, welcomeHint),
    h(
      'div',
      { class: 'buttons' },
      h(
        'button',
        {
          id: 'with-phone',
          class: 'weui-btn weui-btn_primary',
          'aria-disabled': String(busy),
          onclick: () => void device.withPhone(),
        },
        withPhone,
      ),
      h(
        'button',
        {
          id: 'without-phone',
          class: 'weui-btn weui-btn_default',
          'aria-disabled': String(busy),
          onclick: () => void device.withoutPhone(),
        },
        withoutPhone,
      ),
    ),
    problem(device),
  )
}
