/** The mini program's side of Menshen: login, renewed tokens, requests, errors. */
export type * from './api.js';
export type { LoginOptions } from './entrance.js';
export { MenshenError, type Details, type ErrorId } from './error.js';
export { createMenshen, type Member, type Menshen, type Options, type PhoneEvent } from './menshen.js';
export type { Envelope } from './server.js';
export type { SessionEndListener } from './session.js';
export type { Answer, Callbacks, Data, Failed, Method, RequestOptions, UploadOptions, Wx } from './wx.js';
