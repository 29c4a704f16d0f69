/** Session of this device, stored across restarts of the mini program. */
import type { TokenData } from './api.js';
import type { MenshenError } from './error.js';
import type { Wx } from './wx.js';
/** Tokens of a session. */
export type Session = Pick<TokenData, 'token' | 'refreshToken'>;
/** Callback for the end of a session. `why` is the reason, absent if the user ended the session. */
export type SessionEndListener = (why?: MenshenError) => void;
/** Stores the session in the platform's storage under `key`. */
export declare class SessionStore {
    private readonly wx;
    private readonly key;
    private session?;
    private readonly listeners;
    constructor(wx: Wx, key: string);
    /** Current session. It is the same object until it is replaced. */
    get current(): Session | undefined;
    /** Replaces the current session, and returns the new one. */
    save({ token, refreshToken }: Session): Session;
    /** Ends `session` on this device, unless it was replaced. */
    end(session: Session | undefined, why?: MenshenError): void;
    /** Adds a listener for the end of sessions. Returns a function that removes it. */
    onEnd(listener: SessionEndListener): () => void;
}
