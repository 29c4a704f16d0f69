/** Menshen SDK for WeChat mini programs: login, token refresh, authenticated requests, typed errors. */

export type * from './api.js'
export type { Envelope } from './api_client.js'
export { MenshenError, type Details, type ErrorId } from './error.js'
export type { LoginOptions } from './login.js'
export { createMenshen, type Member, type Menshen, type Options, type PhoneEvent } from './menshen.js'
export type { SessionEndListener } from './session.js'
export type { Answer, Callbacks, Data, Failed, Method, RequestOptions, UploadOptions, Wx } from './wx.js'
