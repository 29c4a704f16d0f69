/** Trying again: after a wait, as long as the server says, and never while in the background. */

import type { MenshenError } from './error.js'
import type { Wx } from './wx.js'

declare function setTimeout(callback: () => void, milliseconds: number): unknown

/** How often anything is tried. */
const TRIES = 5

/** How long the user is kept waiting between two tries; who has to wait longer is told. Seconds. */
const PATIENCE = 10

/** The wait before the second try, about; before each further one it is twice as long. Seconds. */
const FIRST_WAIT = 0.3

/** Tries until it works, or it is no use, or it was tried often enough. */
export type Persist = <Result>(
  attempt: () => Promise<Result>,
  isPassing: (error: MenshenError) => boolean,
) => Promise<Result>

export function persistence(wx: Wx): Persist {
  const foreground = watchForeground(wx)
  return async (attempt, isPassing) => {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt()
      } catch (thrown) {
        const error = thrown as MenshenError
        const { retryAfter = 0 } = error
        if (!isPassing(error) || tries === TRIES || retryAfter > PATIENCE) throw error
        const wait = FIRST_WAIT * 2 ** (tries - 1) * (0.75 + Math.random() / 2)
        await pause(Math.max(wait, retryAfter))
        await foreground()
      }
    }
  }
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}

/**
 * Waits for the user to be here. In the background WeChat cuts off after five seconds what has no answer
 * yet, and sends nothing more.
 */
function watchForeground(wx: Wx): () => Promise<void> {
  let here = Promise.resolve()
  let shown = () => {}
  wx.onAppHide?.(() => {
    here = new Promise((resolve) => (shown = resolve))
  })
  wx.onAppShow?.(() => shown())
  return () => here
}
