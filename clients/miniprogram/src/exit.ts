/** Leaving: on this device, on all of them, or for good. */

import type { Done } from './api.js'
import type { Entrance } from './entrance.js'
import type { MenshenError } from './error.js'
import type { Persist } from './persist.js'
import type { Renewal } from './renewal.js'
import type { Server } from './server.js'
import type { SessionKeeper } from './session.js'
import type { Method } from './wx.js'

/** Ends sessions, here and at the service. */
export class Exit {
  constructor(
    private readonly server: Server,
    private readonly persist: Persist,
    private readonly session: SessionKeeper,
    private readonly entrance: Entrance,
    private readonly renewal: Renewal,
  ) {}

  /** Ends the session here at once, and then at the service. */
  async logOut(): Promise<void> {
    await this.entrance.underWay?.catch(() => {})
    const held = this.session.current
    if (!held) return
    this.session.end(held)
    const logOut = (token: string) =>
      this.persist(
        () => this.server.post<Done>('/logout', {}, {}, token),
        ({ id }) => id === 'no_answer',
      )
    try {
      await logOut(held.token).catch(async (error: MenshenError) => {
        const renewed = error.id === 'token_expired' && (await this.renewal.refresh(held))
        if (!renewed) throw error
        await logOut(renewed.token)
      })
    } catch (thrown) {
      // A refused token means that there was no session left to end.
      const error = thrown as MenshenError
      if (error.status !== 401 && error.status !== 403) throw error
    }
  }

  /** Asks for what ends all sessions of the member, and ends the one here when it is done. */
  async endAll(method: Method, url: string): Promise<void> {
    let sessions = 0
    await this.renewal.authorized((token) => {
      sessions += 1
      return this.persist(
        () => this.server.send({ method, url }, token),
        ({ id }) => id === 'no_answer',
      ).catch((error: MenshenError) => {
        // A session that was opened for this is over: so it was done, and only the answer was lost.
        if (sessions < 2 || error.id !== 'session_revoked') throw error
      })
    })
    this.session.end(this.session.current)
  }
}
