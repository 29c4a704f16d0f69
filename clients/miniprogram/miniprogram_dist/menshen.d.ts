/** What a mini program uses: logging in, and requests whose token renews itself. */
import type { LoginData, MemberData } from './api.js';
import { type LoginOptions } from './entrance.js';
import { type SessionEndListener } from './session.js';
import type { Answer, Callbacks, RequestOptions, UploadOptions, Wx } from './wx.js';
/** Where the service is, and who asks. */
export interface Options {
    /** The service's address, e.g. `https://member.example.com`. */
    baseUrl: string;
    /** This mini program, by its configured name or its app id; the service's first one when absent. */
    app?: string;
    /** Addresses of other services of yours that believe the tokens. Nobody else is sent one. */
    services?: string[];
    /** Under which key of the storage the session is kept: `menshen` when absent. */
    storageKey?: string;
    /** The platform: the global `wx` when absent. */
    wx?: Wx;
}
/** What the phone button reports: the event of `bindgetphonenumber` or `bindgetrealtimephonenumber`. */
export interface PhoneEvent {
    detail: {
        code?: string;
        errMsg?: string;
    };
}
/** Whatever else the platform takes is handed on to it. */
export type Further = Record<string, unknown>;
/** A member who is logged in. */
export type Member = Pick<LoginData, 'memberId' | 'nickName' | 'isNew' | 'merged'>;
/** A mini program's side of the login and member service. */
export interface Menshen {
    /** Whether this device holds a session. */
    readonly loggedIn: boolean;
    /** Logs in, without asking the user anything. */
    login(options?: LoginOptions): Promise<Member>;
    /** Logs in with the phone number that the user just gave by the button. */
    loginWithPhone(event: PhoneEvent, options?: LoginOptions): Promise<Member>;
    /** Binds the phone number that the user just gave by the button to the member who is logged in. */
    bindPhone(event: PhoneEvent): Promise<MemberData>;
    /**
     * `wx.request` with the token, as a promise. `url` is a path of the service, or under one of `services`.
     * A status from 400 on rejects. What got no answer is sent again where that does no harm: by its
     * method, or because you say that it is `idempotent`. Logging out and erasing have their own methods.
     */
    request<Body = unknown>(options: RequestOptions & Callbacks<Answer<Body>> & {
        idempotent?: boolean;
    } & Further): Promise<Answer<Body>>;
    /** `wx.uploadFile` with the token, likewise, to one of `services`. */
    uploadFile(options: UploadOptions & Further): Promise<Omit<Answer<string>, 'header'>>;
    /**
     * Ends the session: here at once and then at the service, and rejects if that could not be told. With
     * `everywhere`, those of all devices: at the service, and here when it is done.
     */
    logout(options?: {
        everywhere?: boolean;
    }): Promise<void>;
    /** Has everything erased that the service holds of the member, and ends all their sessions. */
    erase(): Promise<void>;
    /**
     * Has the listener hear when the session is over and no silent login can replace it: with the reason,
     * or without one if the user wanted it so. Returns what takes the listener off again.
     */
    onSessionEnd(listener: SessionEndListener): () => void;
}
/** Makes the mini program's side of the service at `baseUrl`; one is enough for the whole program. */
export declare function createMenshen(options: Options): Menshen;
