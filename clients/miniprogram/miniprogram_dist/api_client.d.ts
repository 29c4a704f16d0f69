/** Client of the service's API and of further services that accept its tokens. */
import type { Answer, Data, RequestOptions, Wx } from './wx.js';
/** Envelope of a successful response. */
export interface Envelope<Content> {
    code: 200;
    /** Message for the user. */
    msg: string;
    /** Content of the response. */
    data: Content;
    /** Time of the response, UTC. */
    operationTime: string;
}
/** Request timeout. In the background, WeChat interrupts requests after the same time. */
export declare const TIMEOUT_MS = 5000;
/** Sends requests to the service, and to the configured further services. */
export declare class ApiClient {
    private readonly wx;
    private readonly baseUrl;
    private readonly trustedUrls;
    constructor(wx: Wx, baseUrl: string, services: string[]);
    /** Resolves a path of the service. Refuses URLs outside of the service and the further services. */
    resolve(url: string): string;
    /** Sends a request, with the access token if there is one. */
    send<Body>(options: RequestOptions, token?: string): Promise<Answer<Body>>;
    /** Posts to a route of the service, and returns the content of the envelope. */
    post<Content>(path: string, data: Data, header?: Record<string, string>, token?: string): Promise<Content>;
}
