/**
 * Fake `wx` of a phone, by WeChat's documentation: callbacks, storage by value, limited parallel requests,
 * and the interruption of requests in the background.
 */

import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers'
import type { Transport } from './transport.js'

/** Maximum number of requests that WeChat sends in parallel. Further requests wait. */
const MAX_PARALLEL_REQUESTS = 10

const METHODS = ['OPTIONS', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'TRACE', 'CONNECT']

/** Callbacks that every `wx` call accepts. */
type Callbacks = Partial<Record<'success' | 'fail' | 'complete', (outcome: any) => void>>

export class Phone {
  /** Content of the storage, serialized because WeChat stores values and not references. */
  readonly storage = new Map<string, string>()
  /** Number of `wx.login` calls: in total, in progress, and the maximum in progress at the same time. */
  readonly logins = { calls: 0, inProgress: 0, maxInProgress: 0 }
  /** Number of requests attempted in the background, where WeChat sends none. */
  requestsInBackground = 0

  private inBackground = false
  private active = 0
  private readonly queue: (() => void)[] = []
  private readonly unfinished = new Set<(errMsg: string) => void>()
  private readonly showListeners: ((options: WechatMiniprogram.LaunchOptionsApp) => void)[] = []
  private readonly hideListeners: (() => void)[] = []

  constructor(
    private readonly transport: Transport,
    /** Source of the codes of `wx.login`. */
    private readonly loginCode: () => Promise<string>,
  ) {}

  /** Moves the mini program to the background. */
  hide(): void {
    this.inBackground = true
    this.hideListeners.forEach((listener) => listener())
  }

  /** Interrupts unfinished requests, as WeChat does after five seconds in the background. */
  interruptRequests(): void {
    this.unfinished.forEach((interrupt) => interrupt('request:fail interrupted'))
  }

  /** Moves the mini program to the foreground. */
  show(): void {
    this.inBackground = false
    this.showListeners.forEach((listener) => listener({} as WechatMiniprogram.LaunchOptionsApp))
  }

  /** Global `wx` of the mini program. */
  readonly wx = {
    request: (option: WechatMiniprogram.RequestOption) => this.request(option),
    uploadFile: (option: WechatMiniprogram.UploadFileOption) => this.uploadFile(option),
    login: (option: WechatMiniprogram.LoginOption = {}) => void this.login(option),
    getStorageSync: (key: string) => JSON.parse(this.storage.get(key) ?? '""'),
    setStorageSync: (key: string, data: unknown) => void this.storage.set(key, JSON.stringify(data)),
    removeStorageSync: (key: string) => void this.storage.delete(key),
    onAppShow: (listener: WechatMiniprogram.OnAppShowCallback) => void this.showListeners.push(listener),
    onAppHide: (listener: () => void) => void this.hideListeners.push(listener),
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
    const { url, body } = encodeData(method, option.url, option.data, headers['content-type']!)
    return this.send('request', { method, url, headers, body }, timeout, option, (text) =>
      dataType === 'json' ? parseJsonOrText(text) : text,
    )
  }

  private uploadFile(option: WechatMiniprogram.UploadFileOption): { abort: () => void } {
    const { url, name, filePath, header = {}, timeout = 60000, formData = {} } = option
    const boundary = `boundary-${randomUUID()}`
    const part = (disposition: string, content: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${content}\r\n`
    const fields = Object.entries(formData).map(([field, value]) => part(`name="${field}"`, String(value)))
    const body = [
      ...fields,
      part(`name="${name}"; filename="${filePath}"`, 'a picture'),
      `--${boundary}--\r\n`,
    ].join('')
    const headers = { ...header, 'content-type': `multipart/form-data; boundary=${boundary}` }
    return this.send('uploadFile', { method: 'POST', url, headers, body }, timeout, option, (text) => text)
  }

  private send(
    api: string,
    request: Parameters<Transport>[0],
    timeout: number,
    callbacks: Callbacks,
    decode: (text: string) => unknown,
  ): { abort: () => void } {
    let finished = false
    const finish = (result: object | undefined, errMsg?: string) => {
      if (finished) return
      finished = true
      this.unfinished.delete(interrupt)
      this.active -= 1
      this.queue.shift()?.()
      report(api, callbacks, result, errMsg?.replace(/^\w+:/, ''))
    }
    const interrupt = (errMsg: string) => finish(undefined, errMsg)
    const start = () => {
      this.active += 1
      this.unfinished.add(interrupt)
      if (this.inBackground) {
        this.requestsInBackground += 1
        return void setTimeout(() => interrupt('request:fail interrupted'))
      }
      setTimeout(() => interrupt('request:fail timeout'), timeout).unref()
      this.transport(request).then(
        ({ status, headers, body }) =>
          finish({ statusCode: status, header: headers, data: decode(body), cookies: [] }),
        (error: Error) => finish(undefined, `request:fail ${error.message}`),
      )
    }
    if (this.active < MAX_PARALLEL_REQUESTS) start()
    else this.queue.push(start)
    return { abort: () => interrupt('request:fail abort') }
  }

  private async login(option: WechatMiniprogram.LoginOption): Promise<void> {
    this.logins.calls += 1
    this.logins.inProgress += 1
    this.logins.maxInProgress = Math.max(this.logins.maxInProgress, this.logins.inProgress)
    const code = await this.loginCode().catch(() => undefined)
    this.logins.inProgress -= 1
    report('login', option, code === undefined ? undefined : { code }, 'fail system error')
  }
}

/** Calls `success` or `fail`, and then `complete`, after the `wx` call has returned, as WeChat does. */
function report(api: string, callbacks: Callbacks, result?: object, failure = 'fail'): void {
  const outcome = { ...result, errMsg: `${api}:${result ? 'ok' : failure}` }
  queueMicrotask(() => {
    if (result) callbacks.success?.(outcome)
    else callbacks.fail?.(outcome)
    callbacks.complete?.(outcome)
  })
}

/** Encodes `data` as `wx.request` does: as the query of a GET, otherwise as a body of the content type. */
function encodeData(
  method: string,
  url: string,
  data: unknown,
  contentType: string,
): { url: string; body?: string } {
  if (data === undefined || typeof data === 'string') return { url, body: data }
  const query = new URLSearchParams(data as Record<string, string>).toString()
  if (method === 'GET') return { url: query ? `${url}${url.includes('?') ? '&' : '?'}${query}` : url }
  return { url, body: contentType.includes('x-www-form-urlencoded') ? query : JSON.stringify(data) }
}

/** Parses JSON. Returns the text if it is not JSON. */
function parseJsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
