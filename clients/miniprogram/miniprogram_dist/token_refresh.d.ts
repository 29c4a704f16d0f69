/** Requests with the access token. A refused token is refreshed, once for all waiting requests. */
import type { ApiClient } from './api_client.js';
import type { LoginFlow } from './login.js';
import type { Retry } from './retry.js';
import type { Session, SessionStore } from './session.js';
/** Refreshes the tokens of the current session. Concurrent refreshes of one session are a single flight. */
export declare class TokenRefresher {
    private readonly api;
    private readonly retry;
    private readonly session;
    private readonly loginFlow;
    private inFlight?;
    constructor(api: ApiClient, retry: Retry, session: SessionStore, loginFlow: LoginFlow);
    /**
     * Sends a request with the current access token. If the token is refused, sends it again after a refresh,
     * and once more after a new login, which needs no user interaction.
     */
    authorized<Result>(send: (token: string) => Promise<Result>): Promise<Result>;
    /** Exchanges the session's refresh token for new tokens. Returns undefined if the session has ended. */
    refresh(session: Session): Promise<Session | undefined>;
    /** Returns the current session, or the session of the login in progress. */
    private currentSession;
    private readonly refreshOrLogin;
    private readonly loginAgain;
    private exchangeTokens;
}
