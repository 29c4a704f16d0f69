/** Requests with the access token. A refused token is refreshed, once for all waiting requests. */

import type { TokenData } from './api.js'
import type { ApiClient } from './api_client.js'
import { MenshenError } from './error.js'
import type { LoginFlow } from './login.js'
import type { Retry } from './retry.js'
import type { Session, SessionStore } from './session.js'

/** A session to repeat a request with, and the recovery to try if its token is refused too. */
interface Recovered {
  session: Session
  next?: Recovery
}

/** Obtains another session after the token of a session was refused. */
type Recovery = (refused: Session) => Promise<Recovered>

/** Refreshes the tokens of the current session. Concurrent refreshes of one session are a single flight. */
export class TokenRefresher {
  private inFlight?: { session: Session; refreshed: Promise<Session | undefined> }

  constructor(
    private readonly api: ApiClient,
    private readonly retry: Retry,
    private readonly session: SessionStore,
    private readonly loginFlow: LoginFlow,
  ) {}

  /**
   * Sends a request with the current access token. If the token is refused, sends it again after a refresh,
   * and once more after a new login, which needs no user interaction.
   */
  async authorized<Result>(send: (token: string) => Promise<Result>): Promise<Result> {
    let session = await this.currentSession()
    let next: Recovery | undefined = this.refreshOrLogin
    for (;;) {
      try {
        return await send(session.token)
      } catch (thrown) {
        const error = thrown as MenshenError
        if (error.id === 'member_banned') this.session.end(session, error)
        // A different service that refuses a fresh token does not accept Menshen's tokens at all.
        const isPermanent = next === this.loginAgain && error.id === 'unexpected_answer'
        if (error.status !== 401 || !next || isPermanent) throw error
        const recovered: Recovered = await next(session)
        session = recovered.session
        next = recovered.next
      }
    }
  }

  /** Exchanges the session's refresh token for new tokens. Returns undefined if the session has ended. */
  refresh(session: Session): Promise<Session | undefined> {
    if (this.inFlight?.session === session) return this.inFlight.refreshed
    const refreshed = this.exchangeTokens(session)
    const inFlight = { session, refreshed }
    this.inFlight = inFlight
    const finish = () => {
      if (this.inFlight === inFlight) this.inFlight = undefined
    }
    refreshed.then(finish, finish)
    return refreshed
  }

  /** Returns the current session, or the session of the login in progress. */
  private async currentSession(): Promise<Session> {
    await this.loginFlow.inFlight?.catch((error) => {
      if (!this.session.current) throw error
    })
    if (!this.session.current) throw new MenshenError('unauthenticated')
    return this.session.current
  }

  private readonly refreshOrLogin: Recovery = async (refused) => {
    const hasEnded = refused === this.session.current && !(await this.refresh(refused))
    if (hasEnded) return this.loginAgain(refused)
    return { session: await this.currentSession(), next: this.loginAgain }
  }

  private readonly loginAgain: Recovery = async (refused) => {
    if (refused === this.session.current) {
      await this.loginFlow.logIn().catch((error: MenshenError) => {
        // After a transient error, the session is kept for the next request.
        if (isPermanent(error)) this.session.end(refused, error)
        throw error
      })
    }
    return { session: await this.currentSession() }
  }

  private async exchangeTokens(session: Session): Promise<Session | undefined> {
    const { refreshToken } = session
    // Retries are safe: within the grace period, the service answers the same refresh token with the same
    // tokens.
    const post = () => this.api.post<TokenData>('/token/refresh', { refreshToken })
    const isTransient = ({ id }: MenshenError) => id === 'no_answer' || id === 'rate_limited'
    try {
      const tokens = await this.retry(post, isTransient)
      return session === this.session.current ? this.session.save(tokens) : tokens
    } catch (thrown) {
      const error = thrown as MenshenError
      if (error.status === 401) return undefined
      if (error.id === 'member_banned') this.session.end(session, error)
      throw error
    }
  }
}

/** Returns true if a repeated request would fail with the same error. */
function isPermanent({ status = 0 }: MenshenError): boolean {
  return status >= 400 && status < 500 && status !== 429
}
