/** Logout on this device, logout on all devices, and erasure of the member. */

import type { EmptyResponse } from './api.js'
import type { ApiClient } from './api_client.js'
import type { MenshenError } from './error.js'
import type { LoginFlow } from './login.js'
import type { Retry } from './retry.js'
import type { SessionStore } from './session.js'
import type { TokenRefresher } from './token_refresh.js'
import type { Method } from './wx.js'

/** Ends sessions, on this device and at the service. */
export class Logout {
  constructor(
    private readonly api: ApiClient,
    private readonly retry: Retry,
    private readonly session: SessionStore,
    private readonly loginFlow: LoginFlow,
    private readonly refresher: TokenRefresher,
  ) {}

  /** Ends the session on this device at once, and then at the service. */
  async logOut(): Promise<void> {
    await this.loginFlow.inFlight?.catch(() => {})
    const session = this.session.current
    if (!session) return
    this.session.end(session)
    const postLogout = (token: string) =>
      this.retry(
        () => this.api.post<EmptyResponse>('/logout', {}, {}, token),
        ({ id }) => id === 'no_answer',
      )
    try {
      await postLogout(session.token).catch(async (error: MenshenError) => {
        const refreshed = error.id === 'token_expired' && (await this.refresher.refresh(session))
        if (!refreshed) throw error
        await postLogout(refreshed.token)
      })
    } catch (thrown) {
      // A refused token means that the session had already ended.
      const error = thrown as MenshenError
      if (error.status !== 401 && error.status !== 403) throw error
    }
  }

  /** Sends a request that ends all sessions of the member, and then ends the session on this device. */
  async endAllSessions(method: Method, url: string): Promise<void> {
    let attempts = 0
    await this.refresher.authorized((token) => {
      attempts += 1
      return this.retry(
        () => this.api.send({ method, url }, token),
        ({ id }) => id === 'no_answer',
      ).catch((error: MenshenError) => {
        // The second attempt has the token of a session that was opened for this request. If that session is
        // revoked, the request was executed and only its response was lost.
        if (attempts < 2 || error.id !== 'session_revoked') throw error
      })
    })
    this.session.end(this.session.current)
  }
}
