/** Login flow: a new code for every attempt; the same request again when its response is lost. */

import type { ApiClient } from './api_client.js'
import { TIMEOUT_MS } from './api_client.js'
import type { LoginData, LoginRequest } from './api.js'
import { MenshenError, type ErrorId } from './error.js'
import { promisify } from './http.js'
import { createIdempotencyKey } from './idempotency_key.js'
import type { Retry } from './retry.js'
import type { SessionStore } from './session.js'
import type { Failed, Wx } from './wx.js'

/** Optional parameters of a login. */
export type LoginOptions = Pick<LoginRequest, 'nickName' | 'onConflict'>

/** One login request. The service executes requests with the same idempotency key once. */
interface Attempt {
  body: LoginRequest
  idempotencyKey: string
}

/** Errors after which a login is retried with a new code. */
const TRANSIENT_ERRORS: ErrorId[] = [
  'no_login_code',
  'rate_limited',
  'provider_unavailable',
  'service_unavailable',
]

/** Errors of an expired or used code, after which a login is retried with a new code once. */
const STALE_CODE_ERRORS: ErrorId[] = ['login_code_invalid', 'login_code_used']

/** Runs logins, one at a time. */
export class LoginFlow {
  private running?: { phoneCode?: string; login: Promise<LoginData> }
  /** Attempt that failed with a conflict. With the user's decision it is sent again, without new codes. */
  private pendingConflict?: Attempt

  constructor(
    private readonly wx: Wx,
    private readonly api: ApiClient,
    private readonly retry: Retry,
    private readonly session: SessionStore,
    private readonly app?: string,
  ) {}

  /** Login in progress, if any. */
  get inFlight(): Promise<LoginData> | undefined {
    return this.running?.login
  }

  /**
   * Logs in, optionally with a phone code. Concurrent calls without a phone code, or with the same one, share
   * one login.
   */
  logIn(phoneCode?: string, options: LoginOptions = {}): Promise<LoginData> {
    const previous = this.running
    if (previous && (phoneCode === undefined || phoneCode === previous.phoneCode)) return previous.login
    const login = (previous?.login ?? Promise.resolve())
      .catch(() => {})
      .then(() => this.execute(phoneCode, options))
    const running = { phoneCode, login }
    this.running = running
    const finish = () => {
      if (this.running === running) this.running = undefined
    }
    login.then(finish, finish)
    return login
  }

  private async execute(phoneCode: string | undefined, options: LoginOptions): Promise<LoginData> {
    let resumed = this.resumePending(phoneCode, options)
    let staleCodes = 0
    const tryLogin = async () => {
      const attempt = resumed ?? (await this.createAttempt(phoneCode, options))
      resumed = undefined
      return this.send(attempt)
    }
    const isTransient = ({ id }: MenshenError) =>
      TRANSIENT_ERRORS.includes(id) || (STALE_CODE_ERRORS.includes(id) && ++staleCodes === 1)
    const data = await this.retry(tryLogin, isTransient)
    this.session.save(data)
    return data
  }

  /** Sends an attempt until there is a response, each time with the same code and idempotency key. */
  private send(attempt: Attempt): Promise<LoginData> {
    const headers = { 'Idempotency-Key': attempt.idempotencyKey }
    const post = () => this.api.post<LoginData>('/login', attempt.body, headers)
    return this.retry(post, ({ id }) => {
      if (id === 'conflict') this.pendingConflict = attempt
      return id === 'no_answer'
    })
  }

  private async createAttempt(phoneCode: string | undefined, options: LoginOptions): Promise<Attempt> {
    const { nickName, onConflict } = options
    const [code, idempotencyKey] = await Promise.all([this.loginCode(), createIdempotencyKey(this.wx)])
    return { body: { code, phoneCode, app: this.app, nickName, onConflict }, idempotencyKey }
  }

  /** Returns the attempt that failed with a conflict, completed by the user's decision. */
  private resumePending(phoneCode: string | undefined, { onConflict }: LoginOptions): Attempt | undefined {
    const attempt = this.pendingConflict
    this.pendingConflict = undefined
    if (!attempt || !onConflict || attempt.body.phoneCode !== phoneCode) return undefined
    return { ...attempt, body: { ...attempt.body, onConflict } }
  }

  private async loginCode(): Promise<string> {
    const { code } = await promisify<{ code: string }>((callbacks) =>
      this.wx.login({ timeout: TIMEOUT_MS, ...callbacks }),
    ).catch(({ errMsg }: Failed) => {
      throw new MenshenError('no_login_code', { errMsg })
    })
    if (!code) throw new MenshenError('no_login_code')
    return code
  }
}
