/** Who is there, with which device in hand, and what they left to be overheard. */

import { Device } from './device.js'
import { Journal } from './journal.js'
import { language, texts } from './language.js'
import { clearOverlay } from './overlay.js'
import * as sandbox from './sandbox.js'
import { trouble } from './trouble.js'
import type { Overheard } from './wx.js'

const KEY = 'virtual-phone/user'

export class World {
  readonly journal = new Journal()
  readonly overheard: Overheard = {}
  users: sandbox.User[] = []
  device = '1'
  private name = localStorage.getItem(KEY) ?? ''
  private readonly devices = new Map<string, Device>()
  private readonly listeners: (() => void)[] = []

  constructor(private readonly server: string) {}

  onChange(listener: () => void): void {
    this.listeners.push(listener)
  }

  /** Who holds the phone. */
  get user(): sandbox.User {
    const found = this.users.find(({ user }) => user === this.name) ?? this.users[0]
    if (!found) throw new Error('this WeChat has no users')
    return found
  }

  /** The device in hand. */
  get held(): Device {
    const { user } = this.user
    const key = `${user} ${this.device}`
    const known = this.devices.get(key)
    if (known) return known
    const who = () => this.users.find((other) => other.user === user)!
    const changed = () => this.tell()
    const made = new Device(who, this.device, this.server, this.journal, this.overheard, changed)
    this.devices.set(key, made)
    return made
  }

  async readUsers(): Promise<void> {
    this.users = await sandbox.users()
    this.tell()
  }

  /** Gives the phone to somebody. */
  hold(user: string): void {
    clearOverlay()
    this.name = user
    localStorage.setItem(KEY, user)
    this.pick('1')
  }

  /** Takes another device of the same user. */
  pick(device: string): void {
    clearOverlay()
    this.device = device
    this.tell()
    const { held } = this
    if (held.screen === 'profile' && !held.member) void held.openProfile()
  }

  /** Somebody else sends the login code that was sent last. */
  async replay(): Promise<void> {
    const data = { code: this.overheard.code }
    const call = 'POST /login'
    this.journal.begin(() => texts().taps.replay())
    this.journal.add({
      from: 'phone',
      to: 'server',
      call,
      stranger: true,
      request: { line: call, body: data },
    })
    const received = await fetch(`${this.server}/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Accept-Language': language() },
      body: JSON.stringify(data),
    })
    await this.journal.answered(call, received, { stranger: true })
  }

  /** As on the first visit; the server keeps its members. */
  async startOver(): Promise<void> {
    clearOverlay()
    trouble.clear()
    await sandbox.clearFaults()
    await Promise.all(
      this.users.filter(({ blocked }) => blocked).map(({ user }) => sandbox.block(user, false)),
    )
    Object.keys(localStorage)
      .filter((key) => key.startsWith('virtual-phone/') && key !== 'virtual-phone/language')
      .forEach((key) => localStorage.removeItem(key))
    this.devices.clear()
    this.overheard.code = undefined
    this.name = ''
    this.device = '1'
    this.journal.clear()
    await this.readUsers()
  }

  private tell(): void {
    this.listeners.forEach((listener) => listener())
  }
}
