/** The token of every request: renewed when it is refused, once for all who wait. */
import type { Entrance } from './entrance.js';
import type { Persist } from './persist.js';
import type { Server } from './server.js';
import type { Session, SessionKeeper } from './session.js';
/** Renews the session in force, and does so once however many wait for it. */
export declare class Renewal {
    private readonly server;
    private readonly persist;
    private readonly session;
    private readonly entrance;
    private refreshing?;
    constructor(server: Server, persist: Persist, session: SessionKeeper, entrance: Entrance);
    /**
     * Sends with the token in force. When it is refused, sends once more after a refresh, and once more
     * after a new login, which asks the user nothing.
     */
    authorized<Result>(send: (token: string) => Promise<Result>): Promise<Result>;
    /** Exchanges the session's tokens for new ones; nothing if the session is over. */
    refresh(session: Session): Promise<Session | undefined>;
    /** The session in force, or the one that a login under way is about to bring. */
    private present;
    private readonly refreshed;
    private readonly loggedInAnew;
    private exchange;
}
