/** Leaving: on this device, on all of them, or for good. */
import type { Entrance } from './entrance.js';
import type { Persist } from './persist.js';
import type { Renewal } from './renewal.js';
import type { Server } from './server.js';
import type { SessionKeeper } from './session.js';
import type { Method } from './wx.js';
/** Ends sessions, here and at the service. */
export declare class Exit {
    private readonly server;
    private readonly persist;
    private readonly session;
    private readonly entrance;
    private readonly renewal;
    constructor(server: Server, persist: Persist, session: SessionKeeper, entrance: Entrance, renewal: Renewal);
    /** Ends the session here at once, and then at the service. */
    logOut(): Promise<void>;
    /** Asks for what ends all sessions of the member, and ends the one here when it is done. */
    endAll(method: Method, url: string): Promise<void>;
}
