/** Client of the service's API and of further services that accept its tokens. */

import { MenshenError } from './error.js'
import { sendHttp, withBearer } from './http.js'
import type { Answer, Callbacks, Data, RequestOptions, Wx } from './wx.js'

/** Envelope of a successful response. */
export interface Envelope<Content> {
  code: 200
  /** Message for the user. */
  msg: string
  /** Content of the response. */
  data: Content
  /** Time of the response, UTC. */
  operationTime: string
}

/** Request timeout. In the background, WeChat interrupts requests after the same time. */
export const TIMEOUT_MS = 5000

/** Sends requests to the service, and to the configured further services. */
export class ApiClient {
  private readonly baseUrl: string
  private readonly trustedUrls: string[]

  constructor(
    private readonly wx: Wx,
    baseUrl: string,
    services: string[],
  ) {
    const [base, ...others] = [baseUrl, ...services].map((url) => url.replace(/\/+$/, ''))
    this.baseUrl = base!
    this.trustedUrls = [base!, ...others]
  }

  /** Resolves a path of the service. Refuses URLs outside of the service and the further services. */
  resolve(url: string): string {
    if (/^\/(?!\/)/.test(url)) return this.baseUrl + url
    const isTrusted = this.trustedUrls.some(
      (base) => url.startsWith(base) && /^([/?#]|$)/.test(url.slice(base.length)),
    )
    if (isTrusted) return url
    throw new TypeError(
      `${url} is not a path and not under baseUrl or services: the access token must not be sent there`,
    )
  }

  /** Sends a request, with the access token if there is one. */
  send<Body>(options: RequestOptions, token?: string): Promise<Answer<Body>> {
    const url = this.resolve(options.url)
    const header = withBearer(options.header, token)
    return sendHttp((callbacks: Callbacks<Answer<Body>>) =>
      this.wx.request({
        timeout: TIMEOUT_MS,
        ...options,
        url,
        header,
        ...(callbacks as Callbacks<Answer>),
      }),
    )
  }

  /** Posts to a route of the service, and returns the content of the envelope. */
  async post<Content>(
    path: string,
    data: Data,
    header?: Record<string, string>,
    token?: string,
  ): Promise<Content> {
    const response = await this.send<Partial<Envelope<Content>>>(
      { url: path, method: 'POST', data, header },
      token,
    )
    const content = response.data?.data
    // Without an envelope, the response is from elsewhere, such as the sign-in page of a public network.
    if (!content) throw new MenshenError('unexpected_answer', { status: response.statusCode })
    return content
  }
}
