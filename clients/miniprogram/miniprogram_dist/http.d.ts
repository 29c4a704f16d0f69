/** HTTP requests over `wx`, as promises that reject with a `MenshenError`. */
import type { Answer, Callbacks } from './wx.js';
/** Converts a `wx` call with callbacks into a promise. */
export declare function promisify<Result>(call: (callbacks: Callbacks<Result>) => unknown): Promise<Result>;
/**
 * Sends an HTTP request over `wx`, which reports every status as a success. Rejects unless the status is 2xx.
 */
export declare function sendHttp<Response extends Omit<Answer, 'header'>>(call: (callbacks: Callbacks<Response>) => unknown): Promise<Response>;
/** Returns the headers with the access token as bearer, if there is one. */
export declare function withBearer(header?: Record<string, string>, token?: string): Record<string, string>;
