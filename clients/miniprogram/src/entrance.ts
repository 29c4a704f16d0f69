/** Logging in: a new code for every attempt, and the same attempt again when its answer is lost. */

import type { LoginData, LoginRequest } from './api.js'
import { MenshenError, type ErrorId } from './error.js'
import { promised } from './exchange.js'
import { idempotencyKey } from './idempotency_key.js'
import type { Persist } from './persist.js'
import { TIMEOUT, type Server } from './server.js'
import type { SessionKeeper } from './session.js'
import type { Failed, Wx } from './wx.js'

/** What a login may say besides its codes. */
export type LoginOptions = Pick<LoginRequest, 'nickName' | 'onConflict'>

/** A login under one code, which the service carries out once however often it is sent. */
interface Attempt {
  body: LoginRequest
  key: string
}

/** What passes, and lets in who comes again with a new code. */
const PASSING: ErrorId[] = ['no_login_code', 'rate_limited', 'provider_unavailable']

/** What a new code mends, once. */
const CODE_REFUSED: ErrorId[] = ['login_code_invalid', 'login_code_used']

/** Lets one login in at a time. */
export class Entrance {
  private entering?: { phoneCode?: string; login: Promise<LoginData> }
  /** The attempt that waits for the user's decision. Sent again with it, it needs no new codes. */
  private undecided?: Attempt

  constructor(
    private readonly wx: Wx,
    private readonly server: Server,
    private readonly persist: Persist,
    private readonly session: SessionKeeper,
    private readonly app?: string,
  ) {}

  /** The login under way, if any. */
  get underWay(): Promise<LoginData> | undefined {
    return this.entering?.login
  }

  /** Logs in, with a phone code if there is one. Who comes meanwhile and brings no other shares the login. */
  enter(phoneCode?: string, options: LoginOptions = {}): Promise<LoginData> {
    const before = this.entering
    if (before && (phoneCode === undefined || phoneCode === before.phoneCode)) return before.login
    const login = (before?.login ?? Promise.resolve())
      .catch(() => {})
      .then(() => this.logIn(phoneCode, options))
    const entering = { phoneCode, login }
    this.entering = entering
    const leave = () => {
      if (this.entering === entering) this.entering = undefined
    }
    login.then(leave, leave)
    return login
  }

  private async logIn(phoneCode: string | undefined, options: LoginOptions): Promise<LoginData> {
    let resumed = this.resumed(phoneCode, options)
    let refusals = 0
    const enter = async () => {
      const attempt = resumed ?? (await this.attempt(phoneCode, options))
      resumed = undefined
      return this.carryOut(attempt)
    }
    const isMended = (id: ErrorId) => PASSING.includes(id) || (CODE_REFUSED.includes(id) && ++refusals === 1)
    const data = await this.persist(enter, ({ id }) => isMended(id))
    this.session.keep(data)
    return data
  }

  /** Sends an attempt until it is answered: with the same code under the same key. */
  private carryOut(attempt: Attempt): Promise<LoginData> {
    const send = () => this.server.post<LoginData>('/login', attempt.body, { 'Idempotency-Key': attempt.key })
    return this.persist(send, ({ id }) => {
      if (id === 'conflict') this.undecided = attempt
      return id === 'no_answer'
    })
  }

  private async attempt(phoneCode: string | undefined, options: LoginOptions): Promise<Attempt> {
    const { nickName, onConflict } = options
    const [code, key] = await Promise.all([this.loginCode(), idempotencyKey(this.wx)])
    return { body: { code, phoneCode, app: this.app, nickName, onConflict }, key }
  }

  /** The attempt that met a conflict, now with what the user decided. */
  private resumed(phoneCode: string | undefined, { onConflict }: LoginOptions): Attempt | undefined {
    const attempt = this.undecided
    this.undecided = undefined
    if (!attempt || !onConflict || attempt.body.phoneCode !== phoneCode) return undefined
    return { ...attempt, body: { ...attempt.body, onConflict } }
  }

  private async loginCode(): Promise<string> {
    const { code } = await promised<{ code: string }>((callbacks) =>
      this.wx.login({ timeout: TIMEOUT, ...callbacks }),
    ).catch(({ errMsg }: Failed) => {
      throw new MenshenError('no_login_code', { errMsg })
    })
    if (!code) throw new MenshenError('no_login_code')
    return code
  }
}
