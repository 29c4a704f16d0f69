/** The service's own routes, and where tokens may be sent. */

import { MenshenError } from './error.js'
import { exchange } from './exchange.js'
import type { Answer, Callbacks, Data, RequestOptions, Wx } from './wx.js'

/** The envelope of a success. */
export interface Envelope<Content> {
  code: 200
  /** What to tell the user. */
  msg: string
  /** What was asked for. */
  data: Content
  /** When this was answered, UTC. */
  operationTime: string
}

/** Milliseconds: in the background WeChat cuts a request off after as many. */
export const TIMEOUT = 5000

/** The service, and the operator's others that believe its tokens. */
export class Server {
  private readonly base: string
  private readonly trusted: string[]

  constructor(
    private readonly wx: Wx,
    baseUrl: string,
    services: string[],
  ) {
    const [base, ...others] = [baseUrl, ...services].map((url) => url.replace(/\/+$/, ''))
    this.base = base!
    this.trusted = [base!, ...others]
  }

  /** The full address of a path of the service, or of one of the others; no token goes anywhere else. */
  address(url: string): string {
    if (/^\/(?!\/)/.test(url)) return this.base + url
    const isTrusted = this.trusted.some(
      (base) => url.startsWith(base) && /^([/?#]|$)/.test(url.slice(base.length)),
    )
    if (isTrusted) return url
    throw new TypeError(`${url} is no path and not under baseUrl or services: the token would be given away`)
  }

  /** Asks for `url` with the token, if there is one. */
  send<Body>(options: RequestOptions, token?: string): Promise<Answer<Body>> {
    const [url, header] = [this.address(options.url), bearing(options.header, token)]
    return exchange((callbacks: Callbacks<Answer<Body>>) =>
      this.wx.request({ timeout: TIMEOUT, ...options, url, header, ...(callbacks as Callbacks<Answer>) }),
    )
  }

  /** Posts to a route of the service, and answers with the envelope's content. */
  async post<Content>(
    path: string,
    data: Data,
    header?: Record<string, string>,
    token?: string,
  ): Promise<Content> {
    const answer = await this.send<Partial<Envelope<Content>>>(
      { url: path, method: 'POST', data, header },
      token,
    )
    const content = answer.data?.data
    // Not so if somebody else answers, such as the sign-in page of a public network.
    if (!content) throw new MenshenError('unexpected_answer', { status: answer.statusCode })
    return content
  }
}

/** The headers of a request that bears the token. */
export function bearing(header?: Record<string, string>, token?: string): Record<string, string> {
  return token === undefined ? { ...header } : { ...header, Authorization: `Bearer ${token}` }
}
