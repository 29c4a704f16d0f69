/** Components of the mini program's screens. */

import type { Device } from '../device.js'
import { h } from '../dom.js'

/** Heading of a screen. */
export function title(text: string): HTMLElement {
  return h('h3', { class: 'title', id: 'title', tabindex: -1 }, text)
}

/** Error message, announced by screen readers. */
export function errorMessage(device: Device): HTMLElement {
  return h('p', { class: 'error-message', role: 'alert' }, device.error)
}

/** Row of a list: a label and its value or action. */
export function cell(label: string | HTMLElement, ...content: (Node | string | false)[]): HTMLElement {
  return h(
    'div',
    { class: 'weui-cell' },
    h('div', { class: 'weui-cell__bd' }, label),
    h('div', { class: 'weui-cell__ft' }, ...content),
  )
}

/** Small button in a row. */
export function smallButton(id: string, label: string, onclick: () => void): HTMLElement {
  return h('button', { id, class: 'weui-btn weui-btn_mini weui-btn_default', type: 'button', onclick }, label)
}

/** Formats a date in the page's language. */
export function formatDate(at: string, language: string): string {
  return new Date(at).toLocaleDateString(language)
}

/** Formats a time of day in the page's language. */
export function formatTime(at: string, language: string): string {
  return new Date(at).toLocaleTimeString(language)
}
