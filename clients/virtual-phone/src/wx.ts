/** Implementation of WeChat's `wx` in the browser, for the SDK. */

import type { Answer, Callbacks, RequestOptions, Wx } from '../../miniprogram/miniprogram_dist/index.js'
import type { CallLog } from './call_log.js'
import { faults } from './faults.js'
import { language, texts } from './language.js'
import * as sandbox from './sandbox.js'

/** Lifetime of a login code in WeChat's documentation, in seconds. */
const CODE_TTL_SECONDS = 300

/** Delay of a slow network in each direction, in milliseconds. */
const SLOW_NETWORK_DELAY_MS = 1200

/** Traffic that an attacker has intercepted: the last login code. */
export interface InterceptedTraffic {
  code?: string
}

/** Creates the `wx` of one device of one user. */
export function createWx(
  user: string,
  device: string,
  callLog: CallLog,
  intercepted: InterceptedTraffic,
): Wx {
  const storageKey = (key: string) => `virtual-phone/${user}/${device}/${key}`

  async function login({ success, fail }: Callbacks<{ code: string }>): Promise<void> {
    const update = callLog.add({
      from: 'phone',
      to: 'wechat',
      isRoundTrip: true,
      call: 'wx.login()',
      isPending: true,
    })
    try {
      const code = await sandbox.code('login', user)
      update({ isPending: false, response: { line: 'success', body: { code } } })
      if (faults.take('expired')) {
        await sandbox.advance(CODE_TTL_SECONDS + 1)
        callLog.add({ from: 'phone', to: 'phone', call: texts().codeDelayed })
      }
      success?.({ code })
    } catch (error) {
      update({ isPending: false, failure: String(error) })
      fail?.({ errMsg: 'login:fail' })
    }
  }

  async function request(options: RequestOptions & Callbacks<Answer>): Promise<void> {
    const { method = 'GET', data, header, timeout = 60000, success, fail } = options
    const path = new URL(options.url).pathname
    const body = typeof data === 'string' ? data : data && JSON.stringify(data)
    const code = (data as { code?: string } | undefined)?.code
    if (code) intercepted.code = code
    const call = `${method} ${path}`
    callLog.add({ from: 'phone', to: 'server', call, request: { line: call, header, body: data } })
    try {
      await delayIfSlow()
      const received = await fetch(options.url, {
        method,
        body: method === 'GET' ? undefined : body,
        headers: { 'Content-Type': 'application/json', 'Accept-Language': language(), ...header },
        signal: AbortSignal.timeout(timeout),
      })
      await delayIfSlow()
      const isLost = faults.take('lost')
      const responseBody = await callLog.addResponse(call, received, { isLost })
      if (isLost) fail?.({ errMsg: 'request:fail lost' })
      else success?.({ statusCode: received.status, data: responseBody, header: headersOf(received) })
    } catch (error) {
      await callLog.poll()
      callLog.add({ from: 'server', to: 'phone', call, isLost: true })
      fail?.({ errMsg: `request:fail ${error}` })
    }
  }

  return {
    login: (options) => void login(options),
    request: (options) => void request(options),
    uploadFile: ({ fail }) => fail?.({ errMsg: 'uploadFile:fail not supported by the virtual phone' }),
    getStorageSync: (key) => JSON.parse(localStorage.getItem(storageKey(key)) ?? '""'),
    setStorageSync: (key, value) => localStorage.setItem(storageKey(key), JSON.stringify(value)),
    removeStorageSync: (key) => localStorage.removeItem(storageKey(key)),
    getRandomValues: ({ length, success }) =>
      success?.({ randomValues: crypto.getRandomValues(new Uint8Array(length)).buffer }),
  }
}

async function delayIfSlow(): Promise<void> {
  if (faults.isActive('slow')) await new Promise((resolve) => setTimeout(resolve, SLOW_NETWORK_DELAY_MS))
}

function headersOf(received: Response): Record<string, string> {
  return Object.fromEntries(received.headers)
}
