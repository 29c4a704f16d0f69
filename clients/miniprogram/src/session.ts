/** The session that this device holds, across restarts of the mini program. */

import type { TokenData } from './api.js'
import type { MenshenError } from './error.js'
import type { Wx } from './wx.js'

/** The tokens of a session. */
export type Session = Pick<TokenData, 'token' | 'refreshToken'>

/** Hears that the session is over: why, unless the user wanted it so. */
export type SessionEndListener = (why?: MenshenError) => void

/** Keeps the session in storage under `key`. */
export class SessionKeeper {
  private held?: Session
  private readonly listeners = new Set<SessionEndListener>()

  constructor(
    private readonly wx: Wx,
    private readonly key: string,
  ) {
    this.held = (wx.getStorageSync(key) as Session | '') || undefined
  }

  /** The session in force, always the same object until it is replaced. */
  get current(): Session | undefined {
    return this.held
  }

  keep({ token, refreshToken }: Session): Session {
    const session = { token, refreshToken }
    this.held = session
    try {
      this.wx.setStorageSync(this.key, session)
    } catch {
      // The storage is full: the session lasts until the mini program is closed.
    }
    return session
  }

  /** Ends `session` here, unless another has taken its place. */
  end(session: Session | undefined, why?: MenshenError): void {
    if (!session || session !== this.held) return
    this.held = undefined
    this.wx.removeStorageSync(this.key)
    this.listeners.forEach((listener) => listener(why))
  }

  /** Has `listener` hear of the end of sessions, until the function that it returns is called. */
  onEnd(listener: SessionEndListener): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }
}
