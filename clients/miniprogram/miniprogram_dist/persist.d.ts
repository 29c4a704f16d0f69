/** Trying again: after a wait, as long as the server says, and never while in the background. */
import type { MenshenError } from './error.js';
import type { Wx } from './wx.js';
/** Tries until it works, or it is no use, or it was tried often enough. */
export type Persist = <Result>(attempt: () => Promise<Result>, isPassing: (error: MenshenError) => boolean) => Promise<Result>;
export declare function persistence(wx: Wx): Persist;
