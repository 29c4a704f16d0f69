/** Requests and responses: a summary of their secrets, and their full text. */

import { h, type Child } from './dom.js'
import type { Message, Step } from './call_log.js'
import { language, texts } from './language.js'
import { kindOf, secret } from './secrets.js'

/** Lists the secrets in a message. */
export function secretsIn({ header, body }: Message): HTMLElement[] {
  const found: HTMLElement[] = []
  const collect = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return
    for (const [name, inner] of Object.entries(value)) {
      const kind = kindOf(name, inner)
      if (kind) found.push(h('span', { class: 'labelled-secret' }, `${name} `, secret(name, inner, kind)))
      else collect(inner)
    }
  }
  collect(header)
  collect(body)
  return found
}

/** Request and response in full, collapsed. */
export function messageDetails(step: Step): HTMLElement | false {
  const { request, response, isPending, isLost } = step
  if (!request && !response) return false
  const t = texts()
  const hasBoth = step.isRoundTrip || Boolean(request && response)
  const missing = hasBoth && !response && h('p', {}, isPending ? t.pending : t.noResponse)
  const label = hasBoth ? t.details : request ? t.request : t.response
  return h(
    'details',
    {},
    h(
      'summary',
      {},
      isLost ? `${label} (${t.responseLost})` : label,
      h('span', { class: 'hidden' }, ` ${step.call}`),
    ),
    request && message(request),
    response && message(response),
    missing,
  )
}

/** Claims of the access token in the response of a login or refresh. */
export function tokenClaims(step: Step): HTMLElement | false {
  const token = (step.response?.body as { data?: { token?: unknown } } | undefined)?.data?.token
  const claims = typeof token === 'string' && payload(token)
  if (!claims) return false
  const { decodeToken, decodeTokenHint } = texts()
  const rows = Object.entries(claims).map(([name, value]) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, name),
      h('td', {}, readable(name, value)),
      h('td', {}, texts().claims[name]),
    ),
  )
  return h(
    'details',
    { class: 'token' },
    h('summary', {}, decodeToken),
    h('p', {}, decodeTokenHint),
    h('table', {}, ...rows),
  )
}

function message({ line, header, body }: Message): HTMLElement {
  const lines: Child[] = [line, '\n']
  for (const [name, value] of Object.entries(header ?? {}))
    lines.push(`${name}: `, ...scalar(name, value), '\n')
  if (body !== undefined) lines.push(...json(body, '', ''))
  return h('pre', { tabindex: 0 }, ...lines)
}

function json(value: unknown, name: string, indent: string): Child[] {
  if (value === null || typeof value !== 'object') return scalar(name, value, JSON.stringify(value))
  const isList = Array.isArray(value)
  const [open, close] = isList ? '[]' : '{}'
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined)
  if (!entries.length) return [open!, close!]
  const inner = entries.flatMap(([key, item], index) => [
    `\n${indent}  `,
    isList ? '' : `"${key}": `,
    ...json(item, key, `${indent}  `),
    index < entries.length - 1 ? ',' : '',
  ])
  return [open!, ...inner, `\n${indent}${close}`]
}

function scalar(name: string, value: unknown, text = String(value)): Child[] {
  const kind = kindOf(name, value)
  return [kind ? secret(name, value as string, kind) : text]
}

function payload(token: string): Record<string, unknown> | false {
  try {
    const bytes = atob(token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/'))
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))))
  } catch {
    return false
  }
}

function readable(name: string, value: unknown): string {
  const isTime = ['iat', 'nbf', 'exp'].includes(name) && typeof value === 'number'
  return isTime ? new Date(value * 1000).toLocaleString(language()) : String(value)
}
