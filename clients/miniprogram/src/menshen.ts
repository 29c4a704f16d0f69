/** What a mini program uses: logging in, and requests whose token renews itself. */

import type { LoginData, MemberData } from './api.js'
import { Entrance, type LoginOptions } from './entrance.js'
import { MenshenError } from './error.js'
import { exchange } from './exchange.js'
import { Exit } from './exit.js'
import { persistence } from './persist.js'
import { Renewal } from './renewal.js'
import { bearing, Server, type Envelope } from './server.js'
import { SessionKeeper, type SessionEndListener } from './session.js'
import type { Answer, Callbacks, Method, RequestOptions, UploadOptions, Wx } from './wx.js'

declare const wx: Wx

/** Where the service is, and who asks. */
export interface Options {
  /** The service's address, e.g. `https://member.example.com`. */
  baseUrl: string
  /** This mini program, by its configured name or its app id; the service's first one when absent. */
  app?: string
  /** Addresses of other services of yours that believe the tokens. Nobody else is sent one. */
  services?: string[]
  /** Under which key of the storage the session is kept: `menshen` when absent. */
  storageKey?: string
  /** The platform: the global `wx` when absent. */
  wx?: Wx
}

/** What the phone button reports: the event of `bindgetphonenumber` or `bindgetrealtimephonenumber`. */
export interface PhoneEvent {
  detail: { code?: string; errMsg?: string }
}

/** Whatever else the platform takes is handed on to it. */
export type Further = Record<string, unknown>

/** A member who is logged in. */
export type Member = Pick<LoginData, 'memberId' | 'nickName' | 'isNew' | 'merged'>

/** The methods that, by the rules of HTTP, do no more when they are repeated. */
const IDEMPOTENT: Method[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']

/** The routes that leave no session behind, and what calls them. */
const ENDINGS: [Method, string, string][] = [
  ['POST', '/logout', 'logout()'],
  ['POST', '/logout/all', 'logout({ everywhere: true })'],
  ['DELETE', '/me', 'erase()'],
]

/** A mini program's side of the login and member service. */
export interface Menshen {
  /** Whether this device holds a session. */
  readonly loggedIn: boolean
  /** Logs in, without asking the user anything. */
  login(options?: LoginOptions): Promise<Member>
  /** Logs in with the phone number that the user just gave by the button. */
  loginWithPhone(event: PhoneEvent, options?: LoginOptions): Promise<Member>
  /** Binds the phone number that the user just gave by the button to the member who is logged in. */
  bindPhone(event: PhoneEvent): Promise<MemberData>
  /**
   * `wx.request` with the token, as a promise. `url` is a path of the service, or under one of `services`.
   * A status from 400 on rejects. What got no answer is sent again where that does no harm: by its
   * method, or because you say that it is `idempotent`. Logging out and erasing have their own methods.
   */
  request<Body = unknown>(
    options: RequestOptions & Callbacks<Answer<Body>> & { idempotent?: boolean } & Further,
  ): Promise<Answer<Body>>
  /** `wx.uploadFile` with the token, likewise, to one of `services`. */
  uploadFile(options: UploadOptions & Further): Promise<Omit<Answer<string>, 'header'>>
  /**
   * Ends the session: here at once and then at the service, and rejects if that could not be told. With
   * `everywhere`, those of all devices: at the service, and here when it is done.
   */
  logout(options?: { everywhere?: boolean }): Promise<void>
  /** Has everything erased that the service holds of the member, and ends all their sessions. */
  erase(): Promise<void>
  /**
   * Has the listener hear when the session is over and no silent login can replace it: with the reason,
   * or without one if the user wanted it so. Returns what takes the listener off again.
   */
  onSessionEnd(listener: SessionEndListener): () => void
}

/** Makes the mini program's side of the service at `baseUrl`; one is enough for the whole program. */
export function createMenshen(options: Options): Menshen {
  const { baseUrl, app, services = [], storageKey = 'menshen', wx: platform = wx } = options
  const session = new SessionKeeper(platform, storageKey)
  const server = new Server(platform, baseUrl, services)
  const persist = persistence(platform)
  const entrance = new Entrance(platform, server, persist, session, app)
  const renewal = new Renewal(server, persist, session, entrance)
  const exit = new Exit(server, persist, session, entrance, renewal)

  async function login(options?: LoginOptions): Promise<Member> {
    return member(await entrance.enter(undefined, options))
  }

  async function loginWithPhone(event: PhoneEvent, options?: LoginOptions): Promise<Member> {
    return member(await entrance.enter(phoneCode(event), options))
  }

  async function bindPhone(event: PhoneEvent): Promise<MemberData> {
    const data = { phoneCode: phoneCode(event) }
    // The code is good for one request: when its answer is lost, the user has to tap again.
    const { data: envelope } = await request<Envelope<MemberData>>({
      url: '/me/phone',
      method: 'PUT',
      data,
      idempotent: false,
    })
    return envelope.data
  }

  function request<Body>(
    options: RequestOptions & Callbacks<Answer<Body>> & { idempotent?: boolean } & Further,
  ): Promise<Answer<Body>> {
    const { success, fail, complete, ...rest } = options
    const outcome = send<Body>(rest)
    if (success || fail || complete) {
      outcome.then(
        (answer) => [success, complete].forEach((callback) => callback?.(answer)),
        (error) => [fail, complete].forEach((callback) => callback?.(error)),
      )
    }
    return outcome
  }

  async function send<Body>({
    idempotent,
    ...options
  }: RequestOptions & { idempotent?: boolean }): Promise<Answer<Body>> {
    const { method = 'GET' } = options
    const url = server.address(options.url)
    const ending = ENDINGS.find(([last, path]) => last === method && server.address(path) === url)
    if (ending) throw new TypeError(`${method} ${options.url} leaves no session: call ${ending[2]}`)
    const repeatable = idempotent ?? IDEMPOTENT.includes(method)
    return renewal.authorized((token) =>
      persist(() => server.send<Body>(options, token), passing(repeatable)),
    )
  }

  async function uploadFile(options: UploadOptions & Further): Promise<Omit<Answer<string>, 'header'>> {
    const url = server.address(options.url)
    const upload = (token: string) =>
      exchange<Omit<Answer<string>, 'header'>>((callbacks) =>
        platform.uploadFile({ ...options, url, header: bearing(options.header, token), ...callbacks }),
      )
    return renewal.authorized((token) => persist(() => upload(token), passing(false)))
  }

  function logout({ everywhere = false } = {}): Promise<void> {
    return everywhere ? exit.endAll('POST', '/logout/all') : exit.logOut()
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
    erase: () => exit.endAll('DELETE', '/me'),
    onSessionEnd: (listener) => session.onEnd(listener),
  }
}

/** The code of the phone button: by nothing else can a login code and a phone code be mixed up. */
function phoneCode({ detail }: PhoneEvent): string {
  if (!detail.code) throw new MenshenError('phone_declined', { errMsg: detail.errMsg })
  return detail.code
}

/** All of a login but its tokens, which stay in here. */
function member({ memberId, nickName, isNew, merged }: LoginData): Member {
  return merged ? { memberId, nickName, isNew, merged } : { memberId, nickName, isNew }
}

/** A refusal for too many was not carried out, so it can be repeated whatever it is. */
function passing(repeatable: boolean): (error: MenshenError) => boolean {
  return ({ id }) => id === 'rate_limited' || (repeatable && id === 'no_answer')
}
