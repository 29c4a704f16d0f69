/** Login screen. */

import type { Device } from '../device.js'
import { h } from '../dom.js'
import { texts } from '../language.js'
import { errorMessage, title } from './components.js'

export function login(device: Device): HTMLElement {
  const { loginTitle, loginHint, withPhone, withoutPhone } = texts()
  const { isBusy } = device
  return h(
    'div',
    { class: 'page login' },
    h('div', { class: 'logo', 'aria-hidden': 'true' }, '门'),
    title(loginTitle),
    h('p', { class: 'aside' }, loginHint),
    h(
      'div',
      { class: 'buttons' },
      h(
        'button',
        {
          id: 'with-phone',
          class: 'weui-btn weui-btn_primary',
          'aria-disabled': String(isBusy),
          onclick: () => void device.loginWithPhone(),
        },
        withPhone,
      ),
      h(
        'button',
        {
          id: 'without-phone',
          class: 'weui-btn weui-btn_default',
          'aria-disabled': String(isBusy),
          onclick: () => void device.loginWithoutPhone(),
        },
        withoutPhone,
      ),
    ),
    errorMessage(device),
  )
}
