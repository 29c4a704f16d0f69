/** Transports of HTTP requests: the network, and a scripted service. */

import { request as httpRequest } from 'node:http'

export interface HttpRequest {
  method: string
  url: string
  headers: Record<string, string>
  body?: string | undefined
}

export interface HttpResponse {
  status: number
  headers: Record<string, string>
  body: string
}

/** Sends a request. Rejects if there is no response. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>

/** Sends requests over the network. */
export const network: Transport = ({ method, url, headers, body }) =>
  new Promise((resolve, reject) => {
    const length = { 'content-length': String(Buffer.byteLength(body ?? '')) }
    const request = httpRequest(
      url,
      { method, headers: { ...headers, ...length }, agent: false },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const headers = response.headers as Record<string, string>
          resolve({ status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks).toString() })
        })
      },
    )
    request.on('error', reject)
    request.end(body)
  })

/** Scripted response. `'lost'` stands for a request without a response. */
export type Scripted = { status: number; body?: object | string; headers?: Record<string, string> } | 'lost'

/** Service with scripted responses for each route. The last response of a script is repeated. */
export class ScriptedService {
  /** Received requests. */
  readonly log: (HttpRequest & { route: string; json: any })[] = []
  private readonly scripts = new Map<string, Scripted[]>()

  /** Sets the responses of a route such as `GET /me`. */
  on(route: string, ...script: (Scripted | Promise<Scripted>)[]): this {
    this.scripts.set(route, script as Scripted[])
    return this
  }

  /** Received requests of one route. */
  requestsOf(route: string): (HttpRequest & { json: any })[] {
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
    if (!script) throw new Error(`no response is scripted for ${route}`)
    const response = await (script.length > 1 ? script.shift()! : script[0]!)
    if (response === 'lost') throw new Error('socket hang up')
    const { status, body = '', headers = {} } = response
    return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) }
  }
}

const operationTime = '2026-11-20T10:00:00Z'

/** Successful response of the service. */
export function success(data: object): Scripted {
  return { status: 200, body: { code: 200, msg: '操作成功', data, operationTime } }
}

/** Error response of the service. */
export function failure(
  status: number,
  error: string,
  fields: object = {},
  headers: Record<string, string> = {},
): Scripted {
  const body = {
    code: status,
    msg: `出错了：${error}`,
    data: null,
    error,
    requestId: 'r-1234567',
    operationTime,
    ...fields,
  }
  return { status, body, headers }
}
