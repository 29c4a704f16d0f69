/** Devices screen: the member's sessions. */

import type { Device } from '../device.js'
import { h } from '../dom.js'
import { language, texts } from '../language.js'
import { cell, errorMessage, formatTime, smallButton, title } from './components.js'

export function devices(device: Device): HTMLElement {
  const { back, end, thisDevice, otherDevice, loggedInAt, loading } = texts()
  const rows = device.sessions?.map(({ id, createdAt, current }) =>
    cell(
      h(
        'div',
        {},
        current ? thisDevice : otherDevice,
        h('div', { class: 'aside' }, loggedInAt(formatTime(createdAt, language()))),
      ),
      !current && smallButton(`end-${id}`, end, () => void device.endSession(id)),
    ),
  )
  return h(
    'div',
    { class: 'page' },
    title(texts().devices),
    rows ? h('div', { class: 'weui-cells' }, ...rows) : h('p', {}, loading),
    h(
      'div',
      { class: 'buttons' },
      h(
        'button',
        { id: 'back', class: 'weui-btn weui-btn_default', onclick: () => void device.openProfile() },
        back,
      ),
    ),
    errorMessage(device),
  )
}
