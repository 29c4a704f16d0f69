/** Client of the sandbox's control API. */

import { texts } from './language.js'

/** WeChat user. */
export interface User {
  user: string
  nickname: string
  phone: string | null
  blocked: boolean
}

/** Call that the WeChat API received. */
export interface LoggedCall {
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

async function call<Result>(method: string, path: string, body?: object): Promise<Result> {
  const init = { method, body: body && JSON.stringify(body) }
  const response = await fetch(`/_sandbox/${path}`, init).catch(() => {
    throw new Error(texts().sandboxUnreachable)
  })
  const result = await response.json()
  if (!response.ok) throw new Error(result.error)
  return result as Result
}

/** Lists all users in natural order, `u2` before `u10`. */
export const users = () =>
  call<User[]>('GET', 'users').then((all) =>
    all.sort((a, b) => a.user.localeCompare(b.user, 'en', { numeric: true })),
  )
export const addUser = (phone: string) => call<User>('POST', 'users', { phone })
export const block = (user: string, blocked: boolean) => call<User>('PATCH', 'users', { user, blocked })
export const code = (kind: 'login' | 'phone', user: string) =>
  call<{ code: string }>('POST', `codes/${kind}`, { user }).then(({ code }) => code)
export const injectFault = (fault: object) => call('POST', 'faults', fault)
export const faults = () => call<{ path: string; errcode?: number }[]>('GET', 'faults')
export const clearFaults = () => call('DELETE', 'faults')
export const now = () => call<{ now: number }>('GET', 'clock').then(({ now }) => now)
export const advance = (seconds: number) =>
  call<{ now: number }>('POST', 'clock', { advance_seconds: seconds }).then(({ now }) => now)

/** Lists the calls after this number; all calls in the log if the call with this number was removed. */
export const log = (after: number) => call<LoggedCall[]>('GET', `log?after=${after}`)
