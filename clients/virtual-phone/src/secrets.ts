/** What travels and nobody else may know: marked, and hidden until somebody asks. */

import { h } from './dom.js'
import { texts } from './language.js'

/** What kind of secret a field of a request or an answer holds. */
const KINDS: Record<string, Kind> = {
  code: 'code',
  js_code: 'code',
  phoneCode: 'code',
  token: 'token',
  refreshToken: 'token',
  Authorization: 'token',
  access_token: 'key',
  secret: 'key',
  session_key: 'key',
  'Idempotency-Key': 'key',
  phoneNumber: 'person',
  purePhoneNumber: 'person',
  openid: 'person',
  unionid: 'person',
}

type Kind = 'code' | 'token' | 'key' | 'person'

/** Values that somebody asked to see. */
const revealed = new Set<string>()
let all = false

/** The kind of secret that a field of this name with this value is, if any. */
export function kindOf(name: string, value: unknown): Kind | undefined {
  return typeof value === 'string' && value.length > 3 ? KINDS[name] : undefined
}

/** A secret: its start, and all of it for whoever presses it. */
export function secret(name: string, value: string, kind: Kind): HTMLElement {
  const toggle = () => {
    if (!revealed.delete(value)) revealed.add(value)
    refresh()
  }
  const button = h('button', { class: `secret ${kind}`, type: 'button', onclick: toggle })
  Object.assign(button.dataset, { name, value })
  paint(button)
  return button
}

/** Shows all of them, or only those that were asked for. */
export function revealAll(shown: boolean): void {
  all = shown
  if (!shown) revealed.clear()
  refresh()
}

function refresh(): void {
  document.querySelectorAll<HTMLElement>('button.secret').forEach(paint)
}

function paint(button: HTMLElement): void {
  const { name = '', value = '' } = button.dataset
  const shown = all || revealed.has(value)
  button.textContent = shown ? value : hidden(value)
  button.setAttribute('aria-pressed', String(shown))
  button.title = texts().show(name)
  button.setAttribute('aria-label', `${button.title}: ${button.textContent}`)
}

function hidden(value: string): string {
  return `${value.replace(/^Bearer /, '').slice(0, 4)}••••`
}
