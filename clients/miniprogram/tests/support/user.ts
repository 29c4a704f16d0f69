/** A WeChat user with a phone that runs the SDK. */

import { createMenshen, type Menshen } from 'menshen-miniprogram'
import { LossyNetwork } from './lossy_network.js'
import { Phone } from './phone.js'
import type { Programs } from './programs.js'

export class User {
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

  /** Creates a new WeChat user. With `losesResponses: false`, the network is reliable. */
  static async create(
    programs: Programs,
    { losesResponses = true, number = newPhoneNumber() } = {},
  ): Promise<User> {
    const { user: name } = await programs.sandbox('POST', 'users', { phone: number })
    const user = new User(programs, name)
    user.network.losesResponses = losesResponses
    return user
  }

  /** Returns alice, a predefined user of the sandbox, with a reliable network. */
  static alice(programs: Programs): User {
    const alice = new User(programs, 'alice')
    alice.network.losesResponses = false
    return alice
  }

  /** Returns the same user with a second phone. */
  withSecondPhone(): User {
    return new User(this.programs, this.name)
  }

  /** Taps the phone button, and returns its event. */
  async tapPhoneButton(): Promise<{ detail: { code: string; errMsg: string } }> {
    return { detail: { code: await this.code('phone'), errMsg: 'getPhoneNumber:ok' } }
  }

  /** Number of the user's sessions at the server. */
  async sessionCount(): Promise<number> {
    const { data } = await this.menshen.request<{ data: { sessions: unknown[] } }>({ url: '/me/sessions' })
    return data.data.sessions.length
  }

  /** Openid of the user in the mini program. */
  async openid(): Promise<string> {
    const users: any[] = await this.programs.sandbox('GET', 'users')
    return users.find(({ user }) => user === this.name).openids['wx5e8d6c0a4b2f1e37']
  }

  private async code(kind: 'login' | 'phone'): Promise<string> {
    return (await this.programs.sandbox('POST', `codes/${kind}`, { user: this.name })).code
  }
}

let phoneNumbers = 0

function newPhoneNumber(): string {
  return `137${String(++phoneNumbers).padStart(8, '0')}`
}
