/** The control face of the offline WeChat, which served this page. */

import { texts } from './language.js'

/** Somebody of this WeChat. */
export interface User {
  user: string
  nickname: string
  phone: string | null
  blocked: boolean
}

/** A call that WeChat received. */
export interface Logged {
  number: number
  method: string
  path: string
  query: Record<string, string>
  body: string
  status: number | null
  answer: string | null
  fault: boolean
  dropped: boolean
}

async function call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
  const sent = { method, body: body && JSON.stringify(body) }
  const response = await fetch(`/_sandbox/${path}`, sent).catch(() => {
    throw new Error(texts().noWechat)
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(answer.error)
  return answer as Answer
}

/** Everybody, u2 before u10. */
export const users = () =>
  call<User[]>('GET', 'users').then((all) =>
    all.sort((a, b) => a.user.localeCompare(b.user, 'en', { numeric: true })),
  )
export const addUser = (phone: string) => call<User>('POST', 'users', { phone })
export const block = (user: string, blocked: boolean) => call<User>('PATCH', 'users', { user, blocked })
export const code = (kind: 'login' | 'phone', user: string) =>
  call<{ code: string }>('POST', `codes/${kind}`, { user }).then(({ code }) => code)
export const fault = (order: object) => call('POST', 'faults', order)
export const faults = () => call<{ path: string; errcode?: number }[]>('GET', 'faults')
export const clearFaults = () => call('DELETE', 'faults')
export const now = () => call<{ now: number }>('GET', 'clock').then(({ now }) => now)
export const advance = (seconds: number) =>
  call<{ now: number }>('POST', 'clock', { advance_seconds: seconds }).then(({ now }) => now)

/** The calls after the one of this number; all, if there is no such call any more. */
export const log = (after: number) => call<Logged[]>('GET', `log?after=${after}`)
