/** Idempotency keys, which identify one login attempt. */

import { promisify } from './http.js'
import type { Wx } from './wx.js'

const KEY_BYTES = 16

/** Creates a key of 128 random bits in hexadecimal digits. */
export async function createIdempotencyKey(wx: Wx): Promise<string> {
  const bytes = await randomBytes(wx)
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join('')
}

/** Returns random bytes of the platform, or of `Math.random` on old base libraries. */
async function randomBytes(wx: Wx): Promise<Uint8Array> {
  if (wx.getRandomValues) {
    const result = await promisify<{ randomValues: ArrayBuffer }>((callbacks) =>
      wx.getRandomValues!({ length: KEY_BYTES, ...callbacks }),
    ).catch(() => undefined)
    if (result) return new Uint8Array(result.randomValues)
  }
  return Uint8Array.from({ length: KEY_BYTES }, () => Math.floor(Math.random() * 256))
}
