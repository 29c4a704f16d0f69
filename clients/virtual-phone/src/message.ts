/** Requests and answers, as they are and at a glance. */

import { h, type Child } from './dom.js'
import type { Message, Step } from './journal.js'
import { language, texts } from './language.js'
import { kindOf, secret } from './secrets.js'

/** The secrets that a message carries, at a glance. */
export function carried({ header, body }: Message): HTMLElement[] {
  const found: HTMLElement[] = []
  const look = (value: unknown): void => {
    if (value === null || typeof value !== 'object') return
    for (const [name, inner] of Object.entries(value)) {
      const kind = kindOf(name, inner)
      if (kind) found.push(h('span', { class: 'carried' }, `${name} `, secret(name, inner, kind)))
      else look(inner)
    }
  }
  look(header)
  look(body)
  return found
}

/** Request and answer in full, folded up. */
export function exchange(step: Step): HTMLElement | false {
  const { request, answer, pending, lost } = step
  if (!request && !answer) return false
  const { details, noAnswer, underWay } = texts()
  const both = step.both || Boolean(request && answer)
  const missing = both && !answer && h('p', {}, pending ? underWay : noAnswer)
  const label = both ? details : request ? texts().request : texts().answer
  return h(
    'details',
    {},
    h(
      'summary',
      {},
      lost ? `${label} (${texts().lostOnTheWay})` : label,
      h('span', { class: 'hidden' }, ` ${step.call}`),
    ),
    request && message(request),
    answer && message(answer),
    missing,
  )
}

/** The token of a login or a refresh, opened. */
export function opened(step: Step): HTMLElement | false {
  const token = (step.answer?.body as { data?: { token?: unknown } } | undefined)?.data?.token
  const claims = typeof token === 'string' && payload(token)
  if (!claims) return false
  const { inside, insideHint } = texts()
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
    h('summary', {}, inside),
    h('p', {}, insideHint),
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
