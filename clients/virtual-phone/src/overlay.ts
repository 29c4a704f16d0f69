/** What WeChat itself shows over a mini program: the question for the phone number, dialogs, toasts. */

import { byId, fill, h } from './dom.js'
import { texts } from './language.js'

/** How long a toast stays. Milliseconds. */
const TOAST = 1800

/** Answers the question that is open, if any, with no. */
let dismiss = () => {}

/** Takes away whatever is shown. */
export function clearOverlay(): void {
  dismiss()
}

/** WeChat's question for the phone number, which may be there or not. */
export function askForNumber(number: string | null): Promise<boolean> {
  const { app, asks, allow, refuse, boundToWeChat, noNumber } = texts()
  const shown = number
    ? h(
        'div',
        { class: 'weui-cells number' },
        h(
          'div',
          { class: 'weui-cell' },
          h(
            'div',
            { class: 'weui-cell__bd' },
            h('strong', {}, masked(number)),
            h('div', { class: 'aside' }, boundToWeChat),
          ),
          h('div', { class: 'weui-cell__ft', 'aria-hidden': 'true' }, '✓'),
        ),
      )
    : h('p', {}, noNumber)
  return ask((answer) =>
    h(
      'div',
      {
        class: 'weui-half-screen-dialog weui-half-screen-dialog_show',
        role: 'dialog',
        'aria-labelledby': 'ask',
      },
      h(
        'div',
        { class: 'weui-half-screen-dialog__hd' },
        h(
          'div',
          { class: 'weui-half-screen-dialog__hd__main' },
          h('strong', { class: 'weui-half-screen-dialog__title', id: 'ask', tabindex: -1 }, `${app} ${asks}`),
        ),
      ),
      h('div', { class: 'weui-half-screen-dialog__bd' }, shown),
      h(
        'div',
        { class: 'weui-half-screen-dialog__ft' },
        h(
          'div',
          { class: 'weui-half-screen-dialog__btn-area' },
          button('refuse', 'weui-btn_default', refuse, () => answer(false)),
          number && button('allow', 'weui-btn_primary', allow, () => answer(true)),
        ),
      ),
    ),
  )
}

/** `wx.showModal`: a question with two answers. */
export function confirmed(content: string, yes: string, no: string): Promise<boolean> {
  return ask((answer) =>
    h(
      'div',
      { class: 'weui-dialog', role: 'dialog', 'aria-labelledby': 'ask' },
      h('div', { class: 'weui-dialog__bd', id: 'ask', tabindex: -1 }, content),
      h(
        'div',
        { class: 'weui-dialog__ft' },
        h(
          'button',
          { id: 'no', class: 'weui-dialog__btn weui-dialog__btn_default', onclick: () => answer(false) },
          no,
        ),
        h(
          'button',
          { id: 'yes', class: 'weui-dialog__btn weui-dialog__btn_primary', onclick: () => answer(true) },
          yes,
        ),
      ),
    ),
  )
}

/** `wx.showToast`. */
export function toast(content: string): void {
  const shown = h(
    'div',
    { class: 'weui-toast weui-toast_text' },
    h('p', { class: 'weui-toast__content' }, content),
  )
  fill(byId('toast'), shown)
  setTimeout(() => shown.remove(), TOAST)
}

function ask(dialog: (answer: (yes: boolean) => void) => HTMLElement): Promise<boolean> {
  dismiss()
  // By its id: the screen below may be drawn anew meanwhile.
  const before = document.activeElement?.id ?? ''
  const screen = byId('screen')
  return new Promise((resolve) => {
    const answer = (yes: boolean) => {
      dismiss = () => {}
      fill(byId('overlay'))
      screen.inert = false
      document.getElementById(before)?.focus({ preventScroll: true })
      resolve(yes)
    }
    dismiss = () => answer(false)
    const shown = dialog(answer)
    shown.addEventListener('keydown', (event) => event.key === 'Escape' && answer(false))
    screen.inert = true
    fill(byId('overlay'), h('div', { class: 'weui-mask', onclick: () => answer(false) }), shown)
    byId('ask').focus({ preventScroll: true })
  })
}

function button(id: string, kind: string, label: string, onclick: () => void): HTMLElement {
  return h('button', { id, class: `weui-btn ${kind}`, onclick }, label)
}

function masked(number: string): string {
  return number.replace(/^(\d{3})\d+(\d{4})$/, '$1****$2')
}
