/** One device of one user: the SDK on it, and what its mini program does when it is tapped. */

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
import type { Journal } from './journal.js'
import { texts } from './language.js'
import { askForNumber, confirmed, toast } from './overlay.js'
import * as sandbox from './sandbox.js'
import type { Texts } from './texts/chinese.js'
import { makeWx, type Overheard } from './wx.js'

export type Screen = 'login' | 'profile' | 'devices'

export class Device {
  screen: Screen
  member?: MemberData
  /** The nickname as it is being typed. */
  draft?: string
  sessions?: SessionsData['sessions']
  problem = ''
  private readonly menshen: Menshen
  /** What was tapped and is not done yet, by what tells it from everything else. */
  private readonly underWay = new Set<string>()
  private queue: Promise<void> = Promise.resolve()

  constructor(
    private readonly who: () => sandbox.User,
    name: string,
    server: string,
    private readonly journal: Journal,
    overheard: Overheard,
    private readonly changed: () => void,
  ) {
    const wx = makeWx(who().user, name, journal, overheard)
    this.menshen = createMenshen({ baseUrl: server, wx })
    this.menshen.onSessionEnd((why) => this.show('login', why))
    this.screen = this.menshen.loggedIn ? 'profile' : 'login'
  }

  get busy(): boolean {
    return this.underWay.size > 0
  }

  withPhone(): Promise<void> {
    return this.does('login', async () => {
      const event = await this.phoneButton('login')
      if (event) await this.enter((options) => this.menshen.loginWithPhone(event, options))
    })
  }

  withoutPhone(): Promise<void> {
    return this.does('login', () => {
      this.begin('silent')
      return this.enter((options) => this.menshen.login(options))
    })
  }

  openProfile(): Promise<void> {
    this.show('profile')
    return this.does('profile', () => {
      this.begin('profile')
      return this.readProfile()
    })
  }

  openDevices(): Promise<void> {
    this.show('devices')
    return this.does('devices', () => {
      this.begin('devices')
      return this.readDevices()
    })
  }

  rename(nickName: string): Promise<void> {
    return this.does(`rename ${nickName}`, async () => {
      this.begin('rename')
      const change = { url: '/me', method: 'POST', data: { nickName }, idempotent: true } as const
      this.member = (await this.menshen.request<Envelope<MemberData>>(change)).data.data
      if (this.draft === nickName) this.draft = undefined
      toast(texts().saved)
    })
  }

  bindPhone(): Promise<void> {
    return this.does('bind', async () => {
      const event = await this.phoneButton('bind')
      if (event) this.member = await this.menshen.bindPhone(event)
    })
  }

  endSession(id: string): Promise<void> {
    return this.does(`end ${id}`, async () => {
      this.begin('end')
      await this.menshen.request({ url: `/me/sessions/${id}`, method: 'DELETE' })
      await this.readDevices()
    })
  }

  logout(everywhere: boolean): Promise<void> {
    return this.does('logout', () => {
      this.begin(everywhere ? 'everywhere' : 'logout')
      return this.menshen.logout({ everywhere })
    })
  }

  private begin(tap: keyof Texts['taps']): void {
    const who = this.who().user
    this.journal.begin(() => texts().taps[tap](who))
  }

  /** The button with `open-type="getPhoneNumber"`: WeChat asks, and gives the mini program a code or nothing. */
  private async phoneButton(tap: 'login' | 'bind'): Promise<PhoneEvent | undefined> {
    const { user, phone } = this.who()
    if (!(await askForNumber(phone))) {
      this.begin('refuse')
      this.journal.add({
        from: 'phone',
        to: 'phone',
        call: 'getPhoneNumber:fail user deny',
        failure: 'refused',
      })
      return undefined
    }
    this.begin(tap)
    const code = await sandbox.code('phone', user)
    const event = { detail: { code, errMsg: 'getPhoneNumber:ok' } }
    const answer = { line: 'bindgetphonenumber', body: event.detail }
    this.journal.add({ from: 'phone', to: 'wechat', both: true, call: 'getPhoneNumber', answer })
    return event
  }

  private async enter(login: (options?: LoginOptions) => Promise<Member>): Promise<void> {
    const { nickName, isNew } = await this.decided(login)
    toast(texts().hello(nickName, isNew))
    this.show('profile')
    await this.readProfile()
  }

  /** Logs in, and where the service has a question for the user, once more with the answer. */
  private async decided(login: (options?: LoginOptions) => Promise<Member>): Promise<Member> {
    try {
      return await login()
    } catch (thrown) {
      const { message, conflict } = thrown as MenshenError
      const { merge, separate, withoutIt, anotherNumber } = texts()
      if (conflict?.choices.includes('merge')) {
        return login({ onConflict: (await confirmed(message, merge, separate)) ? 'merge' : 'separate' })
      }
      if (
        conflict?.choices.includes('without_phone') &&
        (await confirmed(message, withoutIt, anotherNumber))
      ) {
        return this.menshen.login()
      }
      throw thrown
    }
  }

  private async readProfile(): Promise<void> {
    this.member = (await this.menshen.request<Envelope<MemberData>>({ url: '/me' })).data.data
  }

  private async readDevices(): Promise<void> {
    const answer = await this.menshen.request<Envelope<SessionsData>>({ url: '/me/sessions' })
    this.sessions = answer.data.data.sessions
  }

  private show(screen: Screen, why?: MenshenError): void {
    this.screen = screen
    this.problem = why ? told(why) : ''
    if (screen === 'login') this.member = this.draft = this.sessions = undefined
    this.changed()
  }

  /** Does something when everything tapped before is done; nothing twice because of a second tap. */
  private does(name: string, what: () => Promise<void>): Promise<void> {
    if (!this.underWay.has(name)) {
      this.underWay.add(name)
      this.problem = ''
      this.changed()
      this.queue = this.queue.then(() => this.finish(name, what))
    }
    return this.queue
  }

  /** Does it, and shows what went wrong. */
  private async finish(name: string, what: () => Promise<void>): Promise<void> {
    try {
      await what()
    } catch (thrown) {
      this.problem = told(thrown as Error)
    }
    this.underWay.delete(name)
    this.changed()
  }
}

/** What the user is told: the server's own words, or else the page's. */
function told(error: Error): string {
  const known = error instanceof MenshenError && error.status === undefined
  return (known && texts().problems[error.id]) || error.message
}
