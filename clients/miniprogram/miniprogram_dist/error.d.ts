/** What can go wrong, under the ids of the service, and a few for what never reached it. */
import type { Failure } from './api.js';
/** The ids of failures: see the service's table of errors. */
export type ErrorId = Failure['error']
/** The request got no answer: no network, too slow, cut off in the background, a gateway without its server. */
 | 'no_answer'
/** `wx.login` gave no code. */
 | 'no_login_code'
/** The user did not give their phone number. */
 | 'phone_declined'
/** An answer that is neither a success nor one of the service's failures. */
 | 'unexpected_answer';
/** What the user is told where the service said nothing. */
declare const MESSAGES: {
    no_answer: string;
    no_login_code: string;
    phone_declined: string;
    unauthenticated: string;
    unexpected_answer: string;
};
/** What is known of a failure beside its id. */
export interface Details extends Partial<Pick<Failure, 'requestId' | 'fields' | 'conflict'>> {
    /** The HTTP status; none when there was no answer. */
    status?: number;
    /** What to tell the user. */
    message?: string;
    /** Seconds to wait before trying again. */
    retryAfter?: number;
    /** What `wx` said, for developers. */
    errMsg?: string;
}
/** A failure of anything here. `id` is made to be acted on, `message` to be shown to the user. */
export declare class MenshenError extends Error implements Details {
    readonly id: ErrorId;
    readonly status?: number;
    /** Finds the request in the service's log. */
    readonly requestId?: string;
    readonly retryAfter?: number;
    /** With `invalid_request`: what is wrong with which field. */
    readonly fields?: Failure['fields'];
    /** With `conflict`: what is contradicted, and what the user can choose. */
    readonly conflict?: Failure['conflict'];
    /** What `wx` said, for developers; else the message. */
    readonly errMsg: string;
    constructor(id: keyof typeof MESSAGES, details?: Details);
    constructor(id: ErrorId, details: Details & {
        message: string;
    });
}
export {};
