/** The token of every request: renewed when it is refused, once for all who wait. */

import type { TokenData } from './api.js'
import type { Entrance } from './entrance.js'
import { MenshenError } from './error.js'
import type { Persist } from './persist.js'
import type { Server } from './server.js'
import type { Session, SessionKeeper } from './session.js'

/** Another session to try with, and what to do if that is refused too. */
interface Renewed {
  session: Session
  next?: Step
}

/** What a refused session leads to. */
type Step = (refused: Session) => Promise<Renewed>

/** Renews the session in force, and does so once however many wait for it. */
export class Renewal {
  private refreshing?: { session: Session; refreshed: Promise<Session | undefined> }

  constructor(
    private readonly server: Server,
    private readonly persist: Persist,
    private readonly session: SessionKeeper,
    private readonly entrance: Entrance,
  ) {}

  /**
   * Sends with the token in force. When it is refused, sends once more after a refresh, and once more
   * after a new login, which asks the user nothing.
   */
  async authorized<Result>(send: (token: string) => Promise<Result>): Promise<Result> {
    let session = await this.present()
    let next: Step | undefined = this.refreshed
    for (;;) {
      try {
        return await send(session.token)
      } catch (thrown) {
        const error = thrown as MenshenError
        if (error.id === 'member_banned') this.session.end(session, error)
        // Another service that refuses a token which was just renewed does not believe ours at all.
        const isHopeless = next === this.loggedInAnew && error.id === 'unexpected_answer'
        if (error.status !== 401 || !next || isHopeless) throw error
        const renewed: Renewed = await next(session)
        session = renewed.session
        next = renewed.next
      }
    }
  }

  /** Exchanges the session's tokens for new ones; nothing if the session is over. */
  refresh(session: Session): Promise<Session | undefined> {
    if (this.refreshing?.session === session) return this.refreshing.refreshed
    const refreshed = this.exchange(session)
    const refreshing = { session, refreshed }
    this.refreshing = refreshing
    const done = () => {
      if (this.refreshing === refreshing) this.refreshing = undefined
    }
    refreshed.then(done, done)
    return refreshed
  }

  /** The session in force, or the one that a login under way is about to bring. */
  private async present(): Promise<Session> {
    await this.entrance.underWay?.catch((error) => {
      if (!this.session.current) throw error
    })
    if (!this.session.current) throw new MenshenError('unauthenticated')
    return this.session.current
  }

  private readonly refreshed: Step = async (refused) => {
    const isOver = refused === this.session.current && !(await this.refresh(refused))
    return isOver ? this.loggedInAnew(refused) : { session: await this.present(), next: this.loggedInAnew }
  }

  private readonly loggedInAnew: Step = async (refused) => {
    if (refused === this.session.current) {
      await this.entrance.enter().catch((error: MenshenError) => {
        // What may pass leaves the session to try again with.
        if (isFinal(error)) this.session.end(refused, error)
        throw error
      })
    }
    return { session: await this.present() }
  }

  private async exchange(session: Session): Promise<Session | undefined> {
    const { refreshToken } = session
    // A refresh whose answer was lost is answered the same for some seconds.
    const refresh = () => this.server.post<TokenData>('/token/refresh', { refreshToken })
    const isPassing = ({ id }: MenshenError) => id === 'no_answer' || id === 'rate_limited'
    try {
      const tokens = await this.persist(refresh, isPassing)
      return session === this.session.current ? this.session.keep(tokens) : tokens
    } catch (thrown) {
      const error = thrown as MenshenError
      if (error.status === 401) return undefined
      if (error.id === 'member_banned') this.session.end(session, error)
      throw error
    }
  }
}

/** Whether trying again, now or later, would end the same. */
function isFinal({ status = 0 }: MenshenError): boolean {
  return status >= 400 && status < 500 && status !== 429
}
