/** WeChat's overlays on a mini program: the phone number dialog, confirmations and toasts. */

import { byId, fill, h } from './dom.js'
import { texts } from './language.js'

/** Time for which a toast is shown, in milliseconds. */
const TOAST_DURATION_MS = 1800

/** Declines the open dialog, if any. */
let dismiss = () => {}

/** Closes the open dialog. */
export function closeDialog(): void {
  dismiss()
}

/** Shows WeChat's phone number dialog; resolves to true if the user allows access. */
export function requestPhoneNumber(number: string | null): Promise<boolean> {
  const { app, requestsNumber, allow, refuse, boundToWeChat, noNumber } = texts()
  const content = number
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
  return showDialog((answer) =>
    h(
      'div',
      {
        class: 'weui-half-screen-dialog weui-half-screen-dialog_show',
        role: 'dialog',
        'aria-labelledby': 'dialog-text',
      },
      h(
        'div',
        { class: 'weui-half-screen-dialog__hd' },
        h(
          'div',
          { class: 'weui-half-screen-dialog__hd__main' },
          h(
            'strong',
            { class: 'weui-half-screen-dialog__title', id: 'dialog-text', tabindex: -1 },
            `${app} ${requestsNumber}`,
          ),
        ),
      ),
      h('div', { class: 'weui-half-screen-dialog__bd' }, content),
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

/** `wx.showModal`: resolves to true if the user chooses `yes`. */
export function confirm(content: string, yes: string, no: string): Promise<boolean> {
  return showDialog((answer) =>
    h(
      'div',
      { class: 'weui-dialog', role: 'dialog', 'aria-labelledby': 'dialog-text' },
      h('div', { class: 'weui-dialog__bd', id: 'dialog-text', tabindex: -1 }, content),
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
export function showToast(content: string): void {
  const toast = h(
    'div',
    { class: 'weui-toast weui-toast_text' },
    h('p', { class: 'weui-toast__content' }, content),
  )
  fill(byId('toast'), toast)
  setTimeout(() => toast.remove(), TOAST_DURATION_MS)
}

function showDialog(create: (answer: (yes: boolean) => void) => HTMLElement): Promise<boolean> {
  dismiss()
  // The id is kept, not the element: the screen below may be redrawn meanwhile.
  const focusedId = document.activeElement?.id ?? ''
  const screen = byId('screen')
  return new Promise((resolve) => {
    const answer = (yes: boolean) => {
      dismiss = () => {}
      fill(byId('overlay'))
      screen.inert = false
      document.getElementById(focusedId)?.focus({ preventScroll: true })
      resolve(yes)
    }
    dismiss = () => answer(false)
    const dialog = create(answer)
    dialog.addEventListener('keydown', (event) => event.key === 'Escape' && answer(false))
    screen.inert = true
    fill(byId('overlay'), h('div', { class: 'weui-mask', onclick: () => answer(false) }), dialog)
    byId('dialog-text').focus({ preventScroll: true })
  })
}

function button(id: string, kind: string, label: string, onclick: () => void): HTMLElement {
  return h('button', { id, class: `weui-btn ${kind}`, onclick }, label)
}

function masked(number: string): string {
  return number.replace(/^(\d{3})\d+(\d{4})$/, '$1****$2')
}
