/** Public interface of the SDK, which mini programs use. */

import type { LoginData, MemberData } from './api.js'
import { ApiClient, type Envelope } from './api_client.js'
import { MenshenError } from './error.js'
import { sendHttp, withBearer } from './http.js'
import { LoginFlow, type LoginOptions } from './login.js'
import { Logout } from './logout.js'
import { createRetry } from './retry.js'
import { SessionStore, type SessionEndListener } from './session.js'
import { TokenRefresher } from './token_refresh.js'
import type { Answer, Callbacks, Method, RequestOptions, UploadOptions, Wx } from './wx.js'

declare const wx: Wx

/** Options of `createMenshen`. */
export interface Options {
  /** URL of the service, e.g. `https://member.example.com`. */
  baseUrl: string
  /** Configured name or app id of this mini program. The default is the service's first app. */
  app?: string
  /** URLs of your other services that accept the access tokens. The token is sent nowhere else. */
  services?: string[]
  /** Storage key of the session. The default is `menshen`. */
  storageKey?: string
  /** Platform. The default is the global `wx`. */
  wx?: Wx
}

/** Event of the phone button: of `bindgetphonenumber` or `bindgetrealtimephonenumber`. */
export interface PhoneEvent {
  detail: { code?: string; errMsg?: string }
}

/** Further options, which are passed through to the platform. */
export type PassThroughOptions = Record<string, unknown>

/** A logged-in member. */
export type Member = Pick<LoginData, 'memberId' | 'nickName' | 'isNew' | 'merged'>

/** Idempotent HTTP methods (RFC 9110). */
const IDEMPOTENT_METHODS: Method[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']

/** Routes that end the session, with the SDK's own methods for them. */
const LOGOUT_ROUTES: [Method, path: string, call: string][] = [
  ['POST', '/logout', 'logout()'],
  ['POST', '/logout/all', 'logout({ everywhere: true })'],
  ['DELETE', '/me', 'erase()'],
]

/** Client of the login and member service. */
export interface Menshen {
  /** True if this device has a session. */
  readonly loggedIn: boolean
  /** Logs in without user interaction. */
  login(options?: LoginOptions): Promise<Member>
  /** Logs in with the phone number that the user shared with the phone button. */
  loginWithPhone(event: PhoneEvent, options?: LoginOptions): Promise<Member>
  /** Binds the phone number that the user shared with the phone button to the logged-in member. */
  bindPhone(event: PhoneEvent): Promise<MemberData>
  /**
   * Sends `wx.request` with the access token, as a promise. `url` is a path of the service, or a URL under
   * one of `services`. Statuses of 400 and above reject. A request without a response is repeated if its
   * method is idempotent, or if `idempotent` is set. Logout and erasure have their own methods.
   */
  request<Body = unknown>(
    options: RequestOptions & Callbacks<Answer<Body>> & { idempotent?: boolean } & PassThroughOptions,
  ): Promise<Answer<Body>>
  /** Sends `wx.uploadFile` with the access token, like `request`, to one of `services`. */
  uploadFile(options: UploadOptions & PassThroughOptions): Promise<Omit<Answer<string>, 'header'>>
  /**
   * Ends the session: on this device at once, and then at the service. Rejects if the service cannot be
   * reached. With `everywhere`, ends the sessions of all devices: at the service, and after that on this
   * device.
   */
  logout(options?: { everywhere?: boolean }): Promise<void>
  /** Erases all data of the member at the service, and ends all sessions. */
  erase(): Promise<void>
  /**
   * Adds a listener that is called when the session has ended and no silent login can replace it. Its
   * argument is the reason, absent if the user ended the session. Returns a function that removes the
   * listener.
   */
  onSessionEnd(listener: SessionEndListener): () => void
}

/** Creates the client of the service at `baseUrl`. A mini program needs one. */
export function createMenshen(options: Options): Menshen {
  const { baseUrl, app, services = [], storageKey = 'menshen', wx: platform = wx } = options
  const session = new SessionStore(platform, storageKey)
  const api = new ApiClient(platform, baseUrl, services)
  const retry = createRetry(platform)
  const loginFlow = new LoginFlow(platform, api, retry, session, app)
  const refresher = new TokenRefresher(api, retry, session, loginFlow)
  const logoutFlow = new Logout(api, retry, session, loginFlow, refresher)

  async function login(options?: LoginOptions): Promise<Member> {
    return toMember(await loginFlow.logIn(undefined, options))
  }

  async function loginWithPhone(event: PhoneEvent, options?: LoginOptions): Promise<Member> {
    return toMember(await loginFlow.logIn(phoneCodeOf(event), options))
  }

  async function bindPhone(event: PhoneEvent): Promise<MemberData> {
    const data = { phoneCode: phoneCodeOf(event) }
    // A phone code is valid for one request. If the response is lost, the user has to tap the button again.
    const { data: envelope } = await request<Envelope<MemberData>>({
      url: '/me/phone',
      method: 'PUT',
      data,
      idempotent: false,
    })
    return envelope.data
  }

  function request<Body>(
    options: RequestOptions & Callbacks<Answer<Body>> & { idempotent?: boolean } & PassThroughOptions,
  ): Promise<Answer<Body>> {
    const { success, fail, complete, ...rest } = options
    const response = send<Body>(rest)
    if (success || fail || complete) {
      response.then(
        (answer) => [success, complete].forEach((callback) => callback?.(answer)),
        (error) => [fail, complete].forEach((callback) => callback?.(error)),
      )
    }
    return response
  }

  async function send<Body>({
    idempotent,
    ...options
  }: RequestOptions & { idempotent?: boolean }): Promise<Answer<Body>> {
    const { method = 'GET' } = options
    const url = api.resolve(options.url)
    const logoutRoute = LOGOUT_ROUTES.find(([verb, path]) => verb === method && api.resolve(path) === url)
    if (logoutRoute) {
      throw new TypeError(`${method} ${options.url} ends the session: call ${logoutRoute[2]} instead`)
    }
    const isTransient = transientErrors(idempotent ?? IDEMPOTENT_METHODS.includes(method))
    return refresher.authorized((token) => retry(() => api.send<Body>(options, token), isTransient))
  }

  async function uploadFile(
    options: UploadOptions & PassThroughOptions,
  ): Promise<Omit<Answer<string>, 'header'>> {
    const url = api.resolve(options.url)
    const upload = (token: string) =>
      sendHttp<Omit<Answer<string>, 'header'>>((callbacks) =>
        platform.uploadFile({ ...options, url, header: withBearer(options.header, token), ...callbacks }),
      )
    return refresher.authorized((token) => retry(() => upload(token), transientErrors(false)))
  }

  function logout({ everywhere = false } = {}): Promise<void> {
    return everywhere ? logoutFlow.endAllSessions('POST', '/logout/all') : logoutFlow.logOut()
  }

  return {
    get loggedIn() {
      return session.current !== undefined
    },
    login,
    loginWithPhone,
    bindPhone,
    request,
    uploadFile,
    logout,
    erase: () => logoutFlow.endAllSessions('DELETE', '/me'),
    onSessionEnd: (listener) => session.onEnd(listener),
  }
}

/**
 * Returns the phone code. It is read only from the button's event, so that it cannot be confused with a login
 * code.
 */
function phoneCodeOf({ detail }: PhoneEvent): string {
  if (!detail.code) throw new MenshenError('phone_declined', { errMsg: detail.errMsg })
  return detail.code
}

/** Removes the tokens, which are not exposed, from the data of a login. */
function toMember({ memberId, nickName, isNew, merged }: LoginData): Member {
  return merged ? { memberId, nickName, isNew, merged } : { memberId, nickName, isNew }
}

/**
 * Returns a test for errors after which a request may be repeated. A rate-limited request was not executed.
 */
function transientErrors(isIdempotent: boolean): (error: MenshenError) => boolean {
  return ({ id }) => id === 'rate_limited' || (isIdempotent && id === 'no_answer')
}
