/** HTTP requests over `wx`, as promises that reject with a `MenshenError`. */

import type { Failure } from './api.js'
import { MenshenError } from './error.js'
import type { Answer, Callbacks, Failed } from './wx.js'

/** Statuses with which a gateway reports that its server does not respond. */
const GATEWAY_STATUSES = [502, 503, 504]

/** Converts a `wx` call with callbacks into a promise. */
export function promisify<Result>(call: (callbacks: Callbacks<Result>) => unknown): Promise<Result> {
  return new Promise((resolve, reject) => call({ success: resolve, fail: reject }))
}

/**
 * Sends an HTTP request over `wx`, which reports every status as a success. Rejects unless the status is 2xx.
 */
export async function sendHttp<Response extends Omit<Answer, 'header'>>(
  call: (callbacks: Callbacks<Response>) => unknown,
): Promise<Response> {
  const response = await promisify(call).catch(({ errMsg }: Failed) => {
    throw new MenshenError('no_answer', { errMsg })
  })
  if (response.statusCode >= 200 && response.statusCode < 300) return response
  throw toError(response)
}

/** Returns the headers with the access token as bearer, if there is one. */
export function withBearer(header?: Record<string, string>, token?: string): Record<string, string> {
  return token === undefined ? { ...header } : { ...header, Authorization: `Bearer ${token}` }
}

function toError(response: Omit<Answer, 'header'> & Partial<Answer>): MenshenError {
  const { statusCode: status, header = {} } = response
  const body = parseBody(response.data)
  const retryAfter = parseRetryAfter(header)
  if (body?.error && body.msg) {
    const { requestId, fields, conflict } = body
    return new MenshenError(body.error, {
      message: body.msg,
      status,
      requestId,
      retryAfter,
      fields,
      conflict,
    })
  }
  return new MenshenError(GATEWAY_STATUSES.includes(status) ? 'no_answer' : 'unexpected_answer', {
    status,
    retryAfter,
  })
}

/** Returns the envelope of an error. `wx.uploadFile` provides the body as text. */
function parseBody(data: unknown): Partial<Failure> | null {
  if (typeof data !== 'string') return data as Partial<Failure> | null
  try {
    return JSON.parse(data) as Partial<Failure> | null
  } catch {
    return null
  }
}

/** Returns the seconds of `Retry-After`. The case of header names depends on the platform. */
function parseRetryAfter(header: Record<string, string>): number | undefined {
  const name = Object.keys(header).find((name) => name.toLowerCase() === 'retry-after')
  const value = name === undefined ? NaN : Number(header[name])
  return value >= 0 ? value : undefined
}
