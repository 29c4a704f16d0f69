/** The name of one attempt, which nobody can guess. */

import { promised } from './exchange.js'
import type { Wx } from './wx.js'

const LENGTH = 16

/** 128 random bits in hexadecimal digits. */
export async function idempotencyKey(wx: Wx): Promise<string> {
  const bytes = await randomBytes(wx)
  return Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join('')
}

/** From the phone's own source of chance; old base libraries have none. */
async function randomBytes(wx: Wx): Promise<Uint8Array> {
  if (wx.getRandomValues) {
    const strong = promised<{ randomValues: ArrayBuffer }>((callbacks) =>
      wx.getRandomValues!({ length: LENGTH, ...callbacks }),
    )
    const drawn = await strong.catch(() => undefined)
    if (drawn) return new Uint8Array(drawn.randomValues)
  }
  return Uint8Array.from({ length: LENGTH }, () => Math.floor(Math.random() * 256))
}
