/** Errors: the ids of the service, and ids for failures without a response of the service. */

import type { Failure } from './api.js'

/** Error ids. The service's error reference describes its own ids. */
export type ErrorId =
  | Failure['error']
  /** No response: no network, timeout, request interrupted in the background, or a gateway error. */
  | 'no_answer'
  /** `wx.login` returned no code. */
  | 'no_login_code'
  /** The user declined to share a phone number. */
  | 'phone_declined'
  /** The response is neither a success nor an error of the service. */
  | 'unexpected_answer'

/** Messages for errors without a message from the service. */
const MESSAGES = {
  no_answer: '网络不给力，请稍后再试',
  no_login_code: '微信登录失败，请稍后再试',
  phone_declined: '未获得手机号授权',
  unauthenticated: '请先登录',
  unexpected_answer: '服务暂时不可用，请稍后再试',
}

/** Details of an error. */
export interface Details extends Partial<Pick<Failure, 'requestId' | 'fields' | 'conflict'>> {
  /** HTTP status. Absent if there was no response. */
  status?: number
  /** Message for the user. */
  message?: string
  /** Seconds to wait before the next attempt. */
  retryAfter?: number
  /** Message of `wx`, for developers. */
  errMsg?: string
}

/** Error of any operation of this package. Programs handle `id`; users are shown `message`. */
export class MenshenError extends Error implements Details {
  readonly id: ErrorId
  readonly status?: number
  /** Id of the request in the service's log. */
  readonly requestId?: string
  readonly retryAfter?: number
  /** Invalid fields and their errors, for `invalid_request`. */
  readonly fields?: Failure['fields']
  /** Reason and choices for the user, for `conflict`. */
  readonly conflict?: Failure['conflict']
  /** Message of `wx`, for developers; otherwise the same as `message`. */
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
