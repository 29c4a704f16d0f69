/** What WeChat gives a mini program, here in the browser: the SDK cannot tell the difference. */

import type { Answer, Callbacks, RequestOptions, Wx } from '../../miniprogram/miniprogram_dist/index.js'
import type { Journal } from './journal.js'
import { language, texts } from './language.js'
import * as sandbox from './sandbox.js'
import { trouble } from './trouble.js'

/** How long a login code lives, by WeChat's documentation. Seconds. */
const CODE_LIFE = 300

/** How much a slow network delays each way. Milliseconds. */
const SLOW = 1200

/** The last login code that was sent: what a stranger may have read along. */
export interface Overheard {
  code?: string
}

/** The `wx` of one device of one user. */
export function makeWx(user: string, device: string, journal: Journal, overheard: Overheard): Wx {
  const name = (key: string) => `virtual-phone/${user}/${device}/${key}`

  async function login({ success, fail }: Callbacks<{ code: string }>): Promise<void> {
    const tell = journal.add({ from: 'phone', to: 'wechat', both: true, call: 'wx.login()', pending: true })
    try {
      const code = await sandbox.code('login', user)
      tell({ pending: false, answer: { line: 'success', body: { code } } })
      if (trouble.take('expired')) {
        await sandbox.advance(CODE_LIFE + 1)
        journal.add({ from: 'phone', to: 'phone', call: texts().codeWaited })
      }
      success?.({ code })
    } catch (error) {
      tell({ pending: false, failure: String(error) })
      fail?.({ errMsg: 'login:fail' })
    }
  }

  async function request(options: RequestOptions & Callbacks<Answer>): Promise<void> {
    const { method = 'GET', data, header, timeout = 60000, success, fail } = options
    const path = new URL(options.url).pathname
    const body = typeof data === 'string' ? data : data && JSON.stringify(data)
    const code = (data as { code?: string } | undefined)?.code
    if (code) overheard.code = code
    const call = `${method} ${path}`
    journal.add({ from: 'phone', to: 'server', call, request: { line: call, header, body: data } })
    try {
      await slowly()
      const received = await fetch(options.url, {
        method,
        body: method === 'GET' ? undefined : body,
        headers: { 'Content-Type': 'application/json', 'Accept-Language': language(), ...header },
        signal: AbortSignal.timeout(timeout),
      })
      await slowly()
      const lost = trouble.take('lost')
      const data = await journal.answered(call, received, { lost })
      if (lost) fail?.({ errMsg: 'request:fail lost' })
      else success?.({ statusCode: received.status, data, header: headers(received) })
    } catch (error) {
      await journal.look()
      journal.add({ from: 'server', to: 'phone', call, lost: true })
      fail?.({ errMsg: `request:fail ${error}` })
    }
  }

  return {
    login: (options) => void login(options),
    request: (options) => void request(options),
    uploadFile: ({ fail }) => fail?.({ errMsg: 'uploadFile:fail not on this phone' }),
    getStorageSync: (key) => JSON.parse(localStorage.getItem(name(key)) ?? '""'),
    setStorageSync: (key, value) => localStorage.setItem(name(key), JSON.stringify(value)),
    removeStorageSync: (key) => localStorage.removeItem(name(key)),
    getRandomValues: ({ length, success }) =>
      success?.({ randomValues: crypto.getRandomValues(new Uint8Array(length)).buffer }),
  }
}

async function slowly(): Promise<void> {
  if (trouble.on('slow')) await new Promise((resolve) => setTimeout(resolve, SLOW))
}

function headers(received: Response): Record<string, string> {
  return Object.fromEntries(received.headers)
}
