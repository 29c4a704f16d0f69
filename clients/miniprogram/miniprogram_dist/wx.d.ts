/** The parts of `wx` that are used, so that anything which has them can stand in for it. */
/** How calls of `wx` report back. */
export interface Callbacks<Result> {
    success?: (result: Result) => void;
    fail?: (failure: Failed) => void;
    complete?: (outcome: Result | Failed) => void;
}
/** What `wx` says of a call that failed. For developers, in no stable wording. */
export interface Failed {
    errMsg: string;
}
/** The methods that `wx.request` knows. PATCH is not among them. */
export type Method = 'OPTIONS' | 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'TRACE' | 'CONNECT';
/** What a request carries. */
export type Data = string | ArrayBuffer | Record<string, any>;
/** An answer of HTTP, whatever its status. */
export interface Answer<Body = unknown> {
    statusCode: number;
    data: Body;
    header: Record<string, string>;
}
/** What `wx.request` takes; whatever it takes besides is handed on. */
export interface RequestOptions {
    url: string;
    method?: Method;
    data?: Data;
    header?: Record<string, string>;
    /** Milliseconds. */
    timeout?: number;
}
/** What `wx.uploadFile` takes; likewise. */
export interface UploadOptions {
    url: string;
    filePath: string;
    name: string;
    formData?: Record<string, unknown>;
    header?: Record<string, string>;
    /** Milliseconds. */
    timeout?: number;
}
/** The platform: the global `wx` of a mini program, or a stand-in. */
export interface Wx {
    request(options: RequestOptions & Callbacks<Answer>): unknown;
    uploadFile(options: UploadOptions & Callbacks<Omit<Answer<string>, 'header'>>): unknown;
    login(options: {
        timeout?: number;
    } & Callbacks<{
        code: string;
    }>): unknown;
    getStorageSync(key: string): unknown;
    setStorageSync(key: string, value: unknown): void;
    removeStorageSync(key: string): void;
    /** Base library 2.1.2 and later. */
    onAppShow?(listener: () => void): void;
    onAppHide?(listener: () => void): void;
    /** Base library 2.15.0 and later. */
    getRandomValues?(options: {
        length: number;
    } & Callbacks<{
        randomValues: ArrayBuffer;
    }>): unknown;
}
