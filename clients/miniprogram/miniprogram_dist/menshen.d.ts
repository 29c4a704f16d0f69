/** Public interface of the SDK, which mini programs use. */
import type { LoginData, MemberData } from './api.js';
import { type LoginOptions } from './login.js';
import { type SessionEndListener } from './session.js';
import type { Answer, Callbacks, RequestOptions, UploadOptions, Wx } from './wx.js';
/** Options of `createMenshen`. */
export interface Options {
    /** URL of the service, e.g. `https://member.example.com`. */
    baseUrl: string;
    /** Configured name or app id of this mini program. The default is the service's first app. */
    app?: string;
    /** URLs of your other services that accept the access tokens. The token is sent nowhere else. */
    services?: string[];
    /** Storage key of the session. The default is `menshen`. */
    storageKey?: string;
    /** Platform. The default is the global `wx`. */
    wx?: Wx;
}
/** Event of the phone button: of `bindgetphonenumber` or `bindgetrealtimephonenumber`. */
export interface PhoneEvent {
    detail: {
        code?: string;
        errMsg?: string;
    };
}
/** Further options, which are passed through to the platform. */
export type PassThroughOptions = Record<string, unknown>;
/** A logged-in member. */
export type Member = Pick<LoginData, 'memberId' | 'nickName' | 'isNew' | 'merged'>;
/** Client of the login and member service. */
export interface Menshen {
    /** True if this device has a session. */
    readonly loggedIn: boolean;
    /** Logs in without user interaction. */
    login(options?: LoginOptions): Promise<Member>;
    /** Logs in with the phone number that the user shared with the phone button. */
    loginWithPhone(event: PhoneEvent, options?: LoginOptions): Promise<Member>;
    /** Binds the phone number that the user shared with the phone button to the logged-in member. */
    bindPhone(event: PhoneEvent): Promise<MemberData>;
    /**
     * Sends `wx.request` with the access token, as a promise. `url` is a path of the service, or a URL under
     * one of `services`. Statuses of 400 and above reject. A request without a response is repeated if its
     * method is idempotent, or if `idempotent` is set. Logout and erasure have their own methods.
     */
    request<Body = unknown>(options: RequestOptions & Callbacks<Answer<Body>> & {
        idempotent?: boolean;
    } & PassThroughOptions): Promise<Answer<Body>>;
    /** Sends `wx.uploadFile` with the access token, like `request`, to one of `services`. */
    uploadFile(options: UploadOptions & PassThroughOptions): Promise<Omit<Answer<string>, 'header'>>;
    /**
     * Ends the session: on this device at once, and then at the service. Rejects if the service cannot be
     * reached. With `everywhere`, ends the sessions of all devices: at the service, and after that on this
     * device.
     */
    logout(options?: {
        everywhere?: boolean;
    }): Promise<void>;
    /** Erases all data of the member at the service, and ends all sessions. */
    erase(): Promise<void>;
    /**
     * Adds a listener that is called when the session has ended and no silent login can replace it. Its
     * argument is the reason, absent if the user ended the session. Returns a function that removes the
     * listener.
     */
    onSessionEnd(listener: SessionEndListener): () => void;
}
/** Creates the client of the service at `baseUrl`. A mini program needs one. */
export declare function createMenshen(options: Options): Menshen;
