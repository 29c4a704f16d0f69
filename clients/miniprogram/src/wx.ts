/** The parts of `wx` that this package uses. Any object with them can replace the platform. */

/** Callbacks of a `wx` call. */
export interface Callbacks<Result> {
  success?: (result: Result) => void
  fail?: (failure: Failed) => void
  complete?: (outcome: Result | Failed) => void
}

/** Error of a `wx` call. Its wording is for developers and not stable. */
export interface Failed {
  errMsg: string
}

/** Methods that `wx.request` supports. PATCH is not one of them. */
export type Method = 'OPTIONS' | 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'TRACE' | 'CONNECT'

/** Body of a request. */
export type Data = string | ArrayBuffer | Record<string, any>

/** HTTP response with any status. */
export interface Answer<Body = unknown> {
  statusCode: number
  data: Body
  header: Record<string, string>
}

/** Options of `wx.request`. Further options are passed through. */
export interface RequestOptions {
  url: string
  method?: Method
  data?: Data
  header?: Record<string, string>
  /** Timeout in milliseconds. */
  timeout?: number
}

/** Options of `wx.uploadFile`. Further options are passed through. */
export interface UploadOptions {
  url: string
  filePath: string
  name: string
  formData?: Record<string, unknown>
  header?: Record<string, string>
  /** Timeout in milliseconds. */
  timeout?: number
}

/** Platform: the global `wx` of a mini program, or a replacement. */
export interface Wx {
  request(options: RequestOptions & Callbacks<Answer>): unknown
  uploadFile(options: UploadOptions & Callbacks<Omit<Answer<string>, 'header'>>): unknown
  login(options: { timeout?: number } & Callbacks<{ code: string }>): unknown
  getStorageSync(key: string): unknown
  setStorageSync(key: string, value: unknown): void
  removeStorageSync(key: string): void
  /** Base library 2.1.2 and later. */
  onAppShow?(listener: () => void): void
  onAppHide?(listener: () => void): void
  /** Base library 2.15.0 and later. */
  getRandomValues?(options: { length: number } & Callbacks<{ randomValues: ArrayBuffer }>): unknown
}
