/** Parts that several pages of the mini program have. */

import type { Device } from '../device.js'
import { h } from '../dom.js'

/** A page's heading. */
export function title(text: string): HTMLElement {
  return h('h3', { class: 'title', id: 'title', tabindex: -1 }, text)
}

/** What went wrong, said aloud. */
export function problem(device: Device): HTMLElement {
  return h('p', { class: 'problem', role: 'alert' }, device.problem)
}

/** A line of a list: what it is, and what it says or lets one do. */
export function cell(label: string | HTMLElement, ...content: (Node | string | false)[]): HTMLElement {
  return h(
    'div',
    { class: 'weui-cell' },
    h('div', { class: 'weui-cell__bd' }, label),
    h('div', { class: 'weui-cell__ft' }, ...content),
  )
}

/** A small button in a line. */
export function small(id: string, label: string, onclick: () => void): HTMLElement {
  return h('button', { id, class: 'weui-btn weui-btn_mini weui-btn_default', type: 'button', onclick }, label)
}

/** A date, in the page's language. */
export function day(at: string, language: string): string {
  return new Date(at).toLocaleDateString(language)
}

/** A time of the day. */
export function time(at: string, language: string): string {
  return new Date(at).toLocaleTimeString(language)
}
