/** The service's own routes, and where tokens may be sent. */
import type { Answer, Data, RequestOptions, Wx } from './wx.js';
/** The envelope of a success. */
export interface Envelope<Content> {
    code: 200;
    /** What to tell the user. */
    msg: string;
    /** What was asked for. */
    data: Content;
    /** When this was answered, UTC. */
    operationTime: string;
}
/** Milliseconds: in the background WeChat cuts a request off after as many. */
export declare const TIMEOUT = 5000;
/** The service, and the operator's others that believe its tokens. */
export declare class Server {
    private readonly wx;
    private readonly base;
    private readonly trusted;
    constructor(wx: Wx, baseUrl: string, services: string[]);
    /** The full address of a path of the service, or of one of the others; no token goes anywhere else. */
    address(url: string): string;
    /** Asks for `url` with the token, if there is one. */
    send<Body>(options: RequestOptions, token?: string): Promise<Answer<Body>>;
    /** Posts to a route of the service, and answers with the envelope's content. */
    post<Content>(path: string, data: Data, header?: Record<string, string>, token?: string): Promise<Content>;
}
/** The headers of a request that bears the token. */
export declare function bearing(header?: Record<string, string>, token?: string): Record<string, string>;
