/** Login flow: a new code for every attempt; the same request again when its response is lost. */
import type { ApiClient } from './api_client.js';
import type { LoginData, LoginRequest } from './api.js';
import type { Retry } from './retry.js';
import type { SessionStore } from './session.js';
import type { Wx } from './wx.js';
/** Optional parameters of a login. */
export type LoginOptions = Pick<LoginRequest, 'nickName' | 'onConflict'>;
/** Runs logins, one at a time. */
export declare class LoginFlow {
    private readonly wx;
    private readonly api;
    private readonly retry;
    private readonly session;
    private readonly app?;
    private running?;
    /** Attempt that failed with a conflict. With the user's decision it is sent again, without new codes. */
    private pendingConflict?;
    constructor(wx: Wx, api: ApiClient, retry: Retry, session: SessionStore, app?: string | undefined);
    /** Login in progress, if any. */
    get inFlight(): Promise<LoginData> | undefined;
    /**
     * Logs in, optionally with a phone code. Concurrent calls without a phone code, or with the same one, share
     * one login.
     */
    logIn(phoneCode?: string, options?: LoginOptions): Promise<LoginData>;
    private execute;
    /** Sends an attempt until there is a response, each time with the same code and idempotency key. */
    private send;
    private createAttempt;
    /** Returns the attempt that failed with a conflict, completed by the user's decision. */
    private resumePending;
    private loginCode;
}
