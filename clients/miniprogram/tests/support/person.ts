/** Somebody with a phone, WeChat on it and the mini program. */

import { createMenshen, type Menshen } from 'menshen-miniprogram'
import { LossyNetwork } from './lossy.js'
import { Phone } from './phone.js'
import type { Programs } from './programs.js'

export class Person {
  readonly network: LossyNetwork
  readonly phone: Phone
  readonly menshen: Menshen

  private constructor(
    private readonly programs: Programs,
    private readonly name: string,
  ) {
    this.network = new LossyNetwork(programs.serverUrl)
    this.phone = new Phone(this.network.transport, () => this.code('login'))
    this.menshen = createMenshen({ baseUrl: programs.serverUrl, app: 'main', wx: this.phone.wx })
  }

  /** Somebody new to WeChat; with `loses: false`, one with a good connection. */
  static async appear(programs: Programs, { loses = true, number = phoneNumber() } = {}): Promise<Person> {
    const { user } = await programs.sandbox('POST', 'users', { phone: number })
    const person = new Person(programs, user)
    person.network.loses = loses
    return person
  }

  /** Alice, whom the offline WeChat knows from the start, with a good connection. */
  static alice(programs: Programs): Person {
    const alice = new Person(programs, 'alice')
    alice.network.loses = false
    return alice
  }

  /** The same somebody with another phone. */
  withAnotherPhone(): Person {
    return new Person(this.programs, this.name)
  }

  /** Taps the phone button. */
  async tap(): Promise<{ detail: { code: string; errMsg: string } }> {
    return { detail: { code: await this.code('phone'), errMsg: 'getPhoneNumber:ok' } }
  }

  /** How many sessions the server keeps of them. */
  async sessions(): Promise<number> {
    const { data } = await this.menshen.request<{ data: { sessions: unknown[] } }>({ url: '/me/sessions' })
    return data.data.sessions.length
  }

  /** Who they are within the mini program. */
  async openid(): Promise<string> {
    const users: any[] = await this.programs.sandbox('GET', 'users')
    return users.find(({ user }) => user === this.name).openids['wx5e8d6c0a4b2f1e37']
  }

  private async code(kind: 'login' | 'phone'): Promise<string> {
    return (await this.programs.sandbox('POST', `codes/${kind}`, { user: this.name })).code
  }
}

let numbers = 0

function phoneNumber(): string {
  return `137${String(++numbers).padStart(8, '0')}`
}
