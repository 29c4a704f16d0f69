/** Logging in: a new code for every attempt, and the same attempt again when its answer is lost. */
import type { LoginData, LoginRequest } from './api.js';
import type { Persist } from './persist.js';
import { type Server } from './server.js';
import type { SessionKeeper } from './session.js';
import type { Wx } from './wx.js';
/** What a login may say besides its codes. */
export type LoginOptions = Pick<LoginRequest, 'nickName' | 'onConflict'>;
/** Lets one login in at a time. */
export declare class Entrance {
    private readonly wx;
    private readonly server;
    private readonly persist;
    private readonly session;
    private readonly app?;
    private entering?;
    /** The attempt that waits for the user's decision. Sent again with it, it needs no new codes. */
    private undecided?;
    constructor(wx: Wx, server: Server, persist: Persist, session: SessionKeeper, app?: string | undefined);
    /** The login under way, if any. */
    get underWay(): Promise<LoginData> | undefined;
    /** Logs in, with a phone code if there is one. Who comes meanwhile and brings no other shares the login. */
    enter(phoneCode?: string, options?: LoginOptions): Promise<LoginData>;
    private logIn;
    /** Sends an attempt until it is answered: with the same code under the same key. */
    private carryOut;
    private attempt;
    /** The attempt that met a conflict, now with what the user decided. */
    private resumed;
    private loginCode;
}
