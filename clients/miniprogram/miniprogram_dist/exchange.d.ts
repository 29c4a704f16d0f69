/** One exchange with a server: a promise of its answer, which rejects with what went wrong. */
import type { Answer, Callbacks } from './wx.js';
/** Makes a promise of a call of `wx` that reports to callbacks. */
export declare function promised<Result>(call: (callbacks: Callbacks<Result>) => unknown): Promise<Result>;
/** An exchange over `wx.request` or the like: any status ends up in its `success`. */
export declare function exchange<Received extends Omit<Answer, 'header'>>(call: (callbacks: Callbacks<Received>) => unknown): Promise<Received>;
