/** The name of one attempt, which nobody can guess. */
import type { Wx } from './wx.js';
/** 128 random bits in hexadecimal digits. */
export declare function idempotencyKey(wx: Wx): Promise<string>;
