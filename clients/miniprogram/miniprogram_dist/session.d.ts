/** The session that this device holds, across restarts of the mini program. */
import type { TokenData } from './api.js';
import type { MenshenError } from './error.js';
import type { Wx } from './wx.js';
/** The tokens of a session. */
export type Session = Pick<TokenData, 'token' | 'refreshToken'>;
/** Hears that the session is over: why, unless the user wanted it so. */
export type SessionEndListener = (why?: MenshenError) => void;
/** Keeps the session in storage under `key`. */
export declare class SessionKeeper {
    private readonly wx;
    private readonly key;
    private held?;
    private readonly listeners;
    constructor(wx: Wx, key: string);
    /** The session in force, always the same object until it is replaced. */
    get current(): Session | undefined;
    keep({ token, refreshToken }: Session): Session;
    /** Ends `session` here, unless another has taken its place. */
    end(session: Session | undefined, why?: MenshenError): void;
    /** Has `listener` hear of the end of sessions, until the function that it returns is called. */
    onEnd(listener: SessionEndListener): () => void;
}
