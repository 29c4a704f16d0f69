/** Idempotency keys, which identify one login attempt. */
import type { Wx } from './wx.js';
/** Creates a key of 128 random bits in hexadecimal digits. */
export declare function createIdempotencyKey(wx: Wx): Promise<string>;
