/** Device of a user: the SDK on it and the actions of its mini program. */

import {
  createMenshen,
  MenshenError,
  type Envelope,
  type LoginOptions,
  type MemberData,
  type Member,
  type Menshen,
  type PhoneEvent,
  type SessionsData,
} from '../../miniprogram/miniprogram_dist/index.js'
import type { CallLog } from './call_log.js'
import { texts } from './language.js'
import type { Texts } from './locales/zh.js'
import { confirm, requestPhoneNumber, showToast } from './overlay.js'
import * as sandbox from './sandbox.js'
import { createWx, type InterceptedTraffic } from './wx.js'

export type Screen = 'login' | 'profile' | 'devices'

export class Device {
  screen: Screen
  member?: MemberData
  /** Unsaved nickname in the input field. */
  draft?: string
  sessions?: SessionsData['sessions']
  error = ''
  private readonly menshen: Menshen
  /** Keys of the actions that are queued or running. */
  private readonly pendingActions = new Set<string>()
  private queue: Promise<void> = Promise.resolve()

  constructor(
    private readonly getUser: () => sandbox.User,
    name: string,
    server: string,
    private readonly callLog: CallLog,
    intercepted: InterceptedTraffic,
    private readonly onChange: () => void,
  ) {
    const wx = createWx(getUser().user, name, callLog, intercepted)
    this.menshen = createMenshen({ baseUrl: server, wx })
    this.menshen.onSessionEnd((reason) => this.show('login', reason))
    this.screen = this.menshen.loggedIn ? 'profile' : 'login'
  }

  get isBusy(): boolean {
    return this.pendingActions.size > 0
  }

  loginWithPhone(): Promise<void> {
    return this.enqueue('login', async () => {
      const event = await this.tapPhoneButton('login')
      if (event) await this.logIn((options) => this.menshen.loginWithPhone(event, options))
    })
  }

  loginWithoutPhone(): Promise<void> {
    return this.enqueue('login', () => {
      this.beginInteraction('silent')
      return this.logIn((options) => this.menshen.login(options))
    })
  }

  openProfile(): Promise<void> {
    this.show('profile')
    return this.enqueue('profile', () => {
      this.beginInteraction('profile')
      return this.readProfile()
    })
  }

  openDevices(): Promise<void> {
    this.show('devices')
    return this.enqueue('devices', () => {
      this.beginInteraction('devices')
      return this.readSessions()
    })
  }

  rename(nickName: string): Promise<void> {
    return this.enqueue(`rename ${nickName}`, async () => {
      this.beginInteraction('rename')
      const change = { url: '/me', method: 'POST', data: { nickName }, idempotent: true } as const
      this.member = (await this.menshen.request<Envelope<MemberData>>(change)).data.data
      if (this.draft === nickName) this.draft = undefined
      showToast(texts().saved)
    })
  }

  bindPhone(): Promise<void> {
    return this.enqueue('bind', async () => {
      const event = await this.tapPhoneButton('bind')
      if (event) this.member = await this.menshen.bindPhone(event)
    })
  }

  endSession(id: string): Promise<void> {
    return this.enqueue(`end ${id}`, async () => {
      this.beginInteraction('end')
      await this.menshen.request({ url: `/me/sessions/${id}`, method: 'DELETE' })
      await this.readSessions()
    })
  }

  logout(everywhere: boolean): Promise<void> {
    return this.enqueue('logout', () => {
      this.beginInteraction(everywhere ? 'everywhere' : 'logout')
      return this.menshen.logout({ everywhere })
    })
  }

  private beginInteraction(name: keyof Texts['interactions']): void {
    const { user } = this.getUser()
    this.callLog.begin(() => texts().interactions[name](user))
  }

  /** Button with `open-type="getPhoneNumber"`: returns the event with a phone code, or none if refused. */
  private async tapPhoneButton(name: 'login' | 'bind'): Promise<PhoneEvent | undefined> {
    const { user, phone } = this.getUser()
    if (!(await requestPhoneNumber(phone))) {
      this.beginInteraction('refuse')
      this.callLog.add({
        from: 'phone',
        to: 'phone',
        call: 'getPhoneNumber:fail user deny',
        failure: 'refused',
      })
      return undefined
    }
    this.beginInteraction(name)
    const code = await sandbox.code('phone', user)
    const event = { detail: { code, errMsg: 'getPhoneNumber:ok' } }
    const response = { line: 'bindgetphonenumber', body: event.detail }
    this.callLog.add({ from: 'phone', to: 'wechat', isRoundTrip: true, call: 'getPhoneNumber', response })
    return event
  }

  private async logIn(login: (options?: LoginOptions) => Promise<Member>): Promise<void> {
    const { nickName, isNew } = await this.resolveConflict(login)
    showToast(texts().greeting(nickName, isNew))
    this.show('profile')
    await this.readProfile()
  }

  /** Logs in; if the server reports a conflict, asks the user and logs in again with the decision. */
  private async resolveConflict(login: (options?: LoginOptions) => Promise<Member>): Promise<Member> {
    try {
      return await login()
    } catch (thrown) {
      const { message, conflict } = thrown as MenshenError
      const { merge, separate, withoutNumber, anotherNumber } = texts()
      if (conflict?.choices.includes('merge')) {
        return login({ onConflict: (await confirm(message, merge, separate)) ? 'merge' : 'separate' })
      }
      if (
        conflict?.choices.includes('without_phone') &&
        (await confirm(message, withoutNumber, anotherNumber))
      ) {
        return this.menshen.login()
      }
      throw thrown
    }
  }

  private async readProfile(): Promise<void> {
    this.member = (await this.menshen.request<Envelope<MemberData>>({ url: '/me' })).data.data
  }

  private async readSessions(): Promise<void> {
    const response = await this.menshen.request<Envelope<SessionsData>>({ url: '/me/sessions' })
    this.sessions = response.data.data.sessions
  }

  private show(screen: Screen, error?: MenshenError): void {
    this.screen = screen
    this.error = error ? errorText(error) : ''
    if (screen === 'login') this.member = this.draft = this.sessions = undefined
    this.onChange()
  }

  /** Runs an action after all earlier ones; ignores it if the same action is pending already. */
  private enqueue(key: string, action: () => Promise<void>): Promise<void> {
    if (!this.pendingActions.has(key)) {
      this.pendingActions.add(key)
      this.error = ''
      this.onChange()
      this.queue = this.queue.then(() => this.run(key, action))
    }
    return this.queue
  }

  /** Runs an action and shows its error, if any. */
  private async run(key: string, action: () => Promise<void>): Promise<void> {
    try {
      await action()
    } catch (thrown) {
      this.error = errorText(thrown as Error)
    }
    this.pendingActions.delete(key)
    this.onChange()
  }
}

/** Error text for the user: the server's message, or the page's text for an error without a response. */
function errorText(error: Error): string {
  const isLocal = error instanceof MenshenError && error.status === undefined
  return (isLocal && texts().errors[error.id]) || error.message
}
