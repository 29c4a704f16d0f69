/** One exchange with a server: a promise of its answer, which rejects with what went wrong. */

import type { Failure } from './api.js'
import { MenshenError } from './error.js'
import type { Answer, Callbacks, Failed } from './wx.js'

/** The statuses with which a gateway says that its server does not answer. */
const GATEWAY = [502, 503, 504]

/** Makes a promise of a call of `wx` that reports to callbacks. */
export function promised<Result>(call: (callbacks: Callbacks<Result>) => unknown): Promise<Result> {
  return new Promise((resolve, reject) => call({ success: resolve, fail: reject }))
}

/** An exchange over `wx.request` or the like: any status ends up in its `success`. */
export async function exchange<Received extends Omit<Answer, 'header'>>(
  call: (callbacks: Callbacks<Received>) => unknown,
): Promise<Received> {
  const answer = await promised(call).catch(({ errMsg }: Failed) => {
    throw new MenshenError('no_answer', { errMsg })
  })
  if (answer.statusCode >= 200 && answer.statusCode < 300) return answer
  throw failure(answer)
}

function failure(answer: Omit<Answer, 'header'> & Partial<Answer>): MenshenError {
  const { statusCode: status, header = {} } = answer
  const body = parsed(answer.data)
  const retryAfter = seconds(header)
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
  return new MenshenError(GATEWAY.includes(status) ? 'no_answer' : 'unexpected_answer', {
    status,
    retryAfter,
  })
}

/** The envelope of a failure. `wx.uploadFile` hands it over as text. */
function parsed(data: unknown): Partial<Failure> | null {
  if (typeof data !== 'string') return data as Partial<Failure> | null
  try {
    return JSON.parse(data) as Partial<Failure> | null
  } catch {
    return null
  }
}

/** `Retry-After`, by whatever case the platform names headers in. */
function seconds(header: Record<string, string>): number | undefined {
  const name = Object.keys(header).find((name) => name.toLowerCase() === 'retry-after')
  const value = name === undefined ? NaN : Number(header[name])
  return value >= 0 ? value : undefined
}
