/** How requests travel: over the network, or to a service that a test makes up. */

import { request as httpRequest } from 'node:http'

export interface HttpRequest {
  method: string
  url: string
  headers: Record<string, string>
  body?: string | undefined
}

export interface HttpAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** Answers a request, or rejects with why there is no answer. */
export type Transport = (request: HttpRequest) => Promise<HttpAnswer>

/** The network. */
export const network: Transport = ({ method, url, headers, body }) =>
  new Promise((resolve, reject) => {
    const length = { 'content-length': String(Buffer.byteLength(body ?? '')) }
    const request = httpRequest(
      url,
      { method, headers: { ...headers, ...length }, agent: false },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () => {
          const headers = answer.headers as Record<string, string>
          resolve({ status: answer.statusCode ?? 0, headers, body: Buffer.concat(chunks).toString() })
        })
      },
    )
    request.on('error', reject)
    request.end(body)
  })

/** What a scripted service does with one request; `'lost'` leaves it without an answer. */
export type Scripted = { status: number; body?: object | string; headers?: Record<string, string> } | 'lost'

/** A service that answers each route by a script, whose last answer is given again and again. */
export class ScriptedService {
  /** What it was sent. */
  readonly log: (HttpRequest & { route: string; json: any })[] = []
  private readonly scripts = new Map<string, Scripted[]>()

  /** Has `route`, as in `GET /me`, answered so from now on. */
  on(route: string, ...script: (Scripted | Promise<Scripted>)[]): this {
    this.scripts.set(route, script as Scripted[])
    return this
  }

  /** The requests to a route. */
  sent(route: string): (HttpRequest & { json: any })[] {
    return this.log.filter((request) => request.route === route)
  }

  readonly transport: Transport = async (request) => {
    const route = `${request.method} ${request.url.replace(/^https:\/\/member\.example\.com/, '')}`
    this.log.push({
      ...request,
      route,
      json: request.body?.startsWith('{') ? JSON.parse(request.body) : undefined,
    })
    const script = this.scripts.get(route)
    if (!script) throw new Error(`nothing is scripted for ${route}`)
    const answer = await (script.length > 1 ? script.shift()! : script[0]!)
    if (answer === 'lost') throw new Error('socket hang up')
    const { status, body = '', headers = {} } = answer
    return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) }
  }
}

const operationTime = '2026-11-20T10:00:00Z'

/** A success of the service. */
export function done(data: object): Scripted {
  return { status: 200, body: { code: 200, msg: '操作成功', data, operationTime } }
}

/** A failure of the service. */
export function failed(
  status: number,
  error: string,
  more: object = {},
  headers: Record<string, string> = {},
): Scripted {
  const body = {
    code: status,
    msg: `出错了：${error}`,
    data: null,
    error,
    requestId: 'r-1234567',
    operationTime,
    ...more,
  }
  return { status, body, headers }
}
