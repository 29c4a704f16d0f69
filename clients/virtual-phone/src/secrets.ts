/** Secrets in requests and responses: highlighted, and masked until the user reveals them. */

import { h } from './dom.js'
import { texts } from './language.js'

/** Kinds of secrets by field name. */
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
  phoneNumber: 'personal',
  purePhoneNumber: 'personal',
  openid: 'personal',
  unionid: 'personal',
}

type Kind = 'code' | 'token' | 'key' | 'personal'

/** Values that the user has revealed. */
const revealed = new Set<string>()
let areAllRevealed = false

/** Returns the kind of secret in a field, if any. */
export function kindOf(name: string, value: unknown): Kind | undefined {
  return typeof value === 'string' && value.length > 3 ? KINDS[name] : undefined
}

/** Creates a button that shows the start of a secret and reveals it when pressed. */
export function secret(name: string, value: string, kind: Kind): HTMLElement {
  const toggle = () => {
    if (!revealed.delete(value)) revealed.add(value)
    refresh()
  }
  const button = h('button', { class: `secret ${kind}`, type: 'button', onclick: toggle })
  Object.assign(button.dataset, { name, value })
  draw(button)
  return button
}

/** Reveals or masks all secrets. */
export function revealAll(isRevealed: boolean): void {
  areAllRevealed = isRevealed
  if (!isRevealed) revealed.clear()
  refresh()
}

function refresh(): void {
  document.querySelectorAll<HTMLElement>('button.secret').forEach(draw)
}

function draw(button: HTMLElement): void {
  const { name = '', value = '' } = button.dataset
  const isRevealed = areAllRevealed || revealed.has(value)
  button.textContent = isRevealed ? value : mask(value)
  button.setAttribute('aria-pressed', String(isRevealed))
  button.title = texts().reveal(name)
  button.setAttribute('aria-label', `${button.title}: ${button.textContent}`)
}

function mask(value: string): string {
  return `${value.replace(/^Bearer /, '').slice(0, 4)}••••`
}
