/** Retries with exponential back-off. They respect `Retry-After`, and pause in the background. */

import type { MenshenError } from './error.js'
import type { Wx } from './wx.js'

declare function setTimeout(callback: () => void, milliseconds: number): unknown

/** Maximum number of attempts. */
const MAX_ATTEMPTS = 5

/** Maximum `Retry-After` that is waited for, in seconds. A longer one is left to the page, with the error. */
const MAX_WAIT_SECONDS = 10

/** Average wait before the second attempt, in seconds. It doubles with every further attempt. */
const INITIAL_WAIT_SECONDS = 0.3

/** Repeats `operation` while its errors are transient. Rejects with the last error. */
export type Retry = <Result>(
  operation: () => Promise<Result>,
  isTransient: (error: MenshenError) => boolean,
) => Promise<Result>

export function createRetry(wx: Wx): Retry {
  const foreground = watchForeground(wx)
  return async (operation, isTransient) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await operation()
      } catch (thrown) {
        const error = thrown as MenshenError
        const { retryAfter = 0 } = error
        const isLastAttempt = attempt === MAX_ATTEMPTS
        if (!isTransient(error) || isLastAttempt || retryAfter > MAX_WAIT_SECONDS) throw error
        const jitter = 0.75 + Math.random() / 2
        const backOff = INITIAL_WAIT_SECONDS * 2 ** (attempt - 1) * jitter
        await sleep(Math.max(backOff, retryAfter))
        await foreground()
      }
    }
  }
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}

/**
 * Returns a function that waits until the mini program is in the foreground. After five seconds in the
 * background, WeChat interrupts requests without a response and sends no further ones.
 */
function watchForeground(wx: Wx): () => Promise<void> {
  let foreground = Promise.resolve()
  let enterForeground = () => {}
  wx.onAppHide?.(() => {
    foreground = new Promise((resolve) => (enterForeground = resolve))
  })
  wx.onAppShow?.(() => enterForeground())
  return () => foreground
}
