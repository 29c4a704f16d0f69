/** What can go wrong, under the ids of the service, and a few for what never reached it. */

import type { Failure } from './api.js'

/** The ids of failures: see the service's table of errors. */
export type ErrorId =
  | Failure['error']
  /** The request got no answer: no network, too slow, cut off in the background, a gateway without its server. */
  | 'no_answer'
  /** `wx.login` gave no code. */
  | 'no_login_code'
  /** The user did not give their phone number. */
  | 'phone_declined'
  /** An answer that is neither a success nor one of the service's failures. */
  | 'unexpected_answer'

/** What the user is told where the service said nothing. */
const MESSAGES = {
  no_answer: '网络不给力，请稍后再试',
  no_login_code: '微信登录失败，请稍后再试',
  phone_declined: '未获得手机号授权',
  unauthenticated: '请先登录',
  unexpected_answer: '服务暂时不可用，请稍后再试',
}

/** What is known of a failure beside its id. */
export interface Details extends Partial<Pick<Failure, 'requestId' | 'fields' | 'conflict'>> {
  /** The HTTP status; none when there was no answer. */
  status?: number
  /** What to tell the user. */
  message?: string
  /** Seconds to wait before trying again. */
  retryAfter?: number
  /** What `wx` said, for developers. */
  errMsg?: string
}

/** A failure of anything here. `id` is made to be acted on, `message` to be shown to the user. */
export class MenshenError extends Error implements Details {
  readonly id: ErrorId
  readonly status?: number
  /** Finds the request in the service's log. */
  readonly requestId?: string
  readonly retryAfter?: number
  /** With `invalid_request`: what is wrong with which field. */
  readonly fields?: Failure['fields']
  /** With `conflict`: what is contradicted, and what the user can choose. */
  readonly conflict?: Failure['conflict']
  /** What `wx` said, for developers; else the message. */
  readonly errMsg: string

  constructor(id: keyof typeof MESSAGES, details?: Details)
  constructor(id: ErrorId, details: Details & { message: string })
  constructor(id: ErrorId, details: Details = {}) {
    super(details.message ?? MESSAGES[id as keyof typeof MESSAGES])
    this.name = 'MenshenError'
    this.id = id
    this.status = details.status
    this.requestId = details.requestId
    this.retryAfter = details.retryAfter
    this.fields = details.fields
    this.conflict = details.conflict
    this.errMsg = details.errMsg ?? this.message
  }
}
