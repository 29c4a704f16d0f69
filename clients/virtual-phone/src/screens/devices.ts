/** The devices on which the member is logged in. */

import type { Device } from '../device.js'
import { h } from '../dom.js'
import { language, texts } from '../language.js'
import { cell, problem, small, time, title } from './parts.js'

export function devices(device: Device): HTMLElement {
  const { back, end, thisDevice, otherDevice, loggedInAt, loading } = texts()
  const lines = device.sessions?.map(({ id, createdAt, current }) =>
    cell(
      h(
        'div',
        {},
        current ? thisDevice : otherDevice,
        h('div', { class: 'aside' }, loggedInAt(time(createdAt, language()))),
      ),
      !current && small(`end-${id}`, end, () => void device.endSession(id)),
    ),
  )
  return h(
    'div',
    { class: 'page' },
    title(texts().devices),
    lines ? h('div', { class: 'weui-cells' }, ...lines) : h('p', {}, loading),
    h(
      'div',
      { class: 'buttons' },
      h(
        'button',
        { id: 'back', class: 'weui-btn weui-btn_default', onclick: () => void device.openProfile() },
        back,
      ),
    ),
    problem(device),
  )
}
