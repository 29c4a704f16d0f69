/** Logout on this device, logout on all devices, and erasure of the member. */
import type { ApiClient } from './api_client.js';
import type { LoginFlow } from './login.js';
import type { Retry } from './retry.js';
import type { SessionStore } from './session.js';
import type { TokenRefresher } from './token_refresh.js';
import type { Method } from './wx.js';
/** Ends sessions, on this device and at the service. */
export declare class Logout {
    private readonly api;
    private readonly retry;
    private readonly session;
    private readonly loginFlow;
    private readonly refresher;
    constructor(api: ApiClient, retry: Retry, session: SessionStore, loginFlow: LoginFlow, refresher: TokenRefresher);
    /** Ends the session on this device at once, and then at the service. */
    logOut(): Promise<void>;
    /** Sends a request that ends all sessions of the member, and then ends the session on this device. */
    endAllSessions(method: Method, url: string): Promise<void>;
}
