/** Session of this device, stored across restarts of the mini program. */

import type { TokenData } from './api.js'
import type { MenshenError } from './error.js'
import type { Wx } from './wx.js'

/** Tokens of a session. */
export type Session = Pick<TokenData, 'token' | 'refreshToken'>

/** Callback for the end of a session. `why` is the reason, absent if the user ended the session. */
export type SessionEndListener = (why?: MenshenError) => void

/** Stores the session in the platform's storage under `key`. */
export class SessionStore {
  private session?: Session
  private readonly listeners = new Set<SessionEndListener>()

  constructor(
    private readonly wx: Wx,
    private readonly key: string,
  ) {
    this.session = (wx.getStorageSync(key) as Session | '') || undefined
  }

  /** Current session. It is the same object until it is replaced. */
  get current(): Session | undefined {
    return this.session
  }

  /** Replaces the current session, and returns the new one. */
  save({ token, refreshToken }: Session): Session {
    const session = { token, refreshToken }
    this.session = session
    try {
      this.wx.setStorageSync(this.key, session)
    } catch {
      // The storage is full. The session lasts until the mini program is closed.
    }
    return session
  }

  /** Ends `session` on this device, unless it was replaced. */
  end(session: Session | undefined, why?: MenshenError): void {
    if (!session || session !== this.session) return
    this.session = undefined
    this.wx.removeStorageSync(this.key)
    this.listeners.forEach((listener) => listener(why))
  }

  /** Adds a listener for the end of sessions. Returns a function that removes it. */
  onEnd(listener: SessionEndListener): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
}
