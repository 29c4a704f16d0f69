/** A stand-in for a phone's `wx`, by WeChat's documentation: it calls back, keeps data, goes to sleep. */

import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers'
import type { Transport } from './transport.js'

/** How many requests WeChat sends at once; the others wait. */
const AT_ONCE = 10

const METHODS = ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT']

/** What every call takes, whatever it is called back with. */
type Callbacks = Partial<Record<'success' | 'fail' | 'complete', (outcome: any) => void>>

export class Phone {
  /** What the storage holds, as WeChat does: by value. */
  readonly storage = new Map<string, string>()
  /** How often `wx.login` was called, and how many calls of it there were at once at most. */
  readonly logins = { calls: 0, now: 0, atMost: 0 }
  /** How many requests were attempted from the background, where none is sent. */
  attemptsInBackground = 0

  private hidden = false
  private active = 0
  private readonly queue: (() => void)[] = []
  private readonly unfinished = new Set<(errMsg: string) => void>()
  private readonly shown: ((options: WechatMiniprogram.LaunchOptionsApp) => void)[] = []
  private readonly hid: (() => void)[] = []

  constructor(
    private readonly transport: Transport,
    /** What `wx.login` gets. */
    private readonly loginCode: () => Promise<string>,
  ) {}

  /** The user leaves the mini program. */
  hide(): void {
    this.hidden = true
    this.hid.forEach((listener) => listener())
  }

  /** Five seconds of background pass: WeChat cuts off what has no answer yet. */
  cutOff(): void {
    this.unfinished.forEach((interrupt) => interrupt('request:fail interrupted'))
  }

  /** The user comes back. */
  show(): void {
    this.hidden = false
    this.shown.forEach((listener) => listener({} as WechatMiniprogram.LaunchOptionsApp))
  }

  /** The global `wx` of the mini program. */
  readonly wx = {
    request: (option: WechatMiniprogram.RequestOption) => this.request(option),
    uploadFile: (option: WechatMiniprogram.UploadFileOption) => this.uploadFile(option),
    login: (option: WechatMiniprogram.LoginOption = {}) => void this.login(option),
    getStorageSync: (key: string) => JSON.parse(this.storage.get(key) ?? '""'),
    setStorageSync: (key: string, data: unknown) => void this.storage.set(key, JSON.stringify(data)),
    removeStorageSync: (key: string) => void this.storage.delete(key),
    onAppShow: (listener: WechatMiniprogram.OnAppShowCallback) => void this.shown.push(listener),
    onAppHide: (listener: () => void) => void this.hid.push(listener),
    getRandomValues: ({ length, ...callbacks }: WechatMiniprogram.GetRandomValuesOption) =>
      report('getRandomValues', callbacks, { randomValues: new Uint8Array(randomBytes(length)).buffer }),
  }

  private request(option: WechatMiniprogram.RequestOption): { abort: () => void } {
    const { method = 'GET', header = {}, dataType = 'json', timeout = 60000 } = option
    if (!METHODS.includes(method)) {
      report('request', option, undefined, 'fail method is invalid')
      return { abort: () => {} }
    }
    const headers: Record<string, string> = { 'content-type': 'application/json', ...header }
    const { url, body } = encoded(method, option.url, option.data, headers['content-type']!)
    return this.exchange('request', { method, url, headers, body }, timeout, option, (text) =>
      dataType === 'json' ? lenient(text) : text,
    )
  }

  private uploadFile(option: WechatMiniprogram.UploadFileOption): { abort: () => void } {
    const { url, name, filePath, header = {}, timeout = 60000, formData = {} } = option
    const boundary = `stand-in-${randomUUID()}`
    const part = (disposition: string, content: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`
    const fields = Object.entries(formData).map(([field, value]) => part(`name="${field}"`, String(value)))
    const body = [
      ...fields,
      part(`name="${name}"; filename="${filePath}"`, 'a picture'),
      `--${boundary}--\r\n`,
    ].join('')
    const headers = { ...header, 'content-type': `multipart/form-data; boundary=${boundary}` }
    return this.exchange(
      'uploadFile',
      { method: 'POST', url, headers, body },
      timeout,
      option,
      (text) => text,
    )
  }

  private exchange(
    api: string,
    request: Parameters<Transport>[0],
    timeout: number,
    callbacks: Callbacks,
    decoded: (text: string) => unknown,
  ): { abort: () => void } {
    let done = false
    const finish = (result: object | undefined, errMsg?: string) => {
      if (done) return
      done = true
      this.unfinished.delete(interrupt)
      this.active -= 1
      this.queue.shift()?.()
      report(api, callbacks, result, errMsg?.replace(/^\w+:/, ''))
    }
    const interrupt = (errMsg: string) => finish(undefined, errMsg)
    const start = () => {
      this.active += 1
      this.unfinished.add(interrupt)
      if (this.hidden) {
        this.attemptsInBackground += 1
        return void setTimeout(() => interrupt('request:fail interrupted'))
      }
      setTimeout(() => interrupt('request:fail timeout'), timeout).unref()
      this.transport(request).then(
        ({ status, headers, body }) =>
          finish({ statusCode: status, header: headers, data: decoded(body), cookies: [] }),
        (error: Error) => finish(undefined, `request:fail ${error.message}`),
      )
    }
    if (this.active < AT_ONCE) start()
    else this.queue.push(start)
    return { abort: () => interrupt('request:fail abort') }
  }

  private async login(option: WechatMiniprogram.LoginOption): Promise<void> {
    this.logins.calls += 1
    this.logins.now += 1
    this.logins.atMost = Math.max(this.logins.atMost, this.logins.now)
    const code = await this.loginCode().catch(() => undefined)
    this.logins.now -= 1
    report('login', option, code === undefined ? undefined : { code }, 'fail system error')
  }
}

/** Calls back as WeChat does: one of the two, then `complete`, and never before the call has returned. */
function report(api: string, callbacks: Callbacks, result?: object, failure = 'fail'): void {
  const outcome = { ...result, errMsg: `${api}:${result ? 'ok' : failure}` }
  queueMicrotask(() => {
    if (result) callbacks.success?.(outcome)
    else callbacks.fail?.(outcome)
    callbacks.complete?.(outcome)
  })
}

/** What `wx.request` makes of `data`: a query for GET, else a body as the content type has it. */
function encoded(method: string, url: string, data: unknown, type: string): { url: string; body?: string } {
  if (data === undefined || typeof data === 'string') return { url, body: data }
  const query = new URLSearchParams(data as Record<string, string>).toString()
  if (method === 'GET') return { url: query ? `${url}${url.includes('?') ? '&' : '?'}${query}` : url }
  return { url, body: type.includes('x-www-form-urlencoded') ? query : JSON.stringify(data) }
}

/** JSON where it is, else the text. */
function lenient(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
