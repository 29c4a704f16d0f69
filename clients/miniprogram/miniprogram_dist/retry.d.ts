/** Retries with exponential back-off. They respect `Retry-After`, and pause in the background. */
import type { MenshenError } from './error.js';
import type { Wx } from './wx.js';
/** Repeats `operation` while its errors are transient. Rejects with the last error. */
export type Retry = <Result>(operation: () => Promise<Result>, isTransient: (error: MenshenError) => boolean) => Promise<Result>;
export declare function createRetry(wx: Wx): Retry;
