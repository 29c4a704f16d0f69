/** State of the page: users, devices, intercepted traffic and the call log. */

import { CallLog } from './call_log.js'
import { Device } from './device.js'
import { faults } from './faults.js'
import { language, texts } from './language.js'
import { closeDialog } from './overlay.js'
import * as sandbox from './sandbox.js'
import type { InterceptedTraffic } from './wx.js'

const USER_KEY = 'virtual-phone/user'

export class State {
  readonly callLog = new CallLog()
  readonly intercepted: InterceptedTraffic = {}
  users: sandbox.User[] = []
  deviceName = '1'
  private userName = localStorage.getItem(USER_KEY) ?? ''
  private readonly devices = new Map<string, Device>()
  private readonly listeners: (() => void)[] = []

  constructor(private readonly server: string) {}

  onChange(listener: () => void): void {
    this.listeners.push(listener)
  }

  /** Selected user. */
  get user(): sandbox.User {
    const found = this.users.find(({ user }) => user === this.userName) ?? this.users[0]
    if (!found) throw new Error('the sandbox has no users')
    return found
  }

  /** Selected device of the selected user. */
  get device(): Device {
    const { user } = this.user
    const key = `${user} ${this.deviceName}`
    const known = this.devices.get(key)
    if (known) return known
    const getUser = () => this.users.find((other) => other.user === user)!
    const onChange = () => this.notify()
    const device = new Device(getUser, this.deviceName, this.server, this.callLog, this.intercepted, onChange)
    this.devices.set(key, device)
    return device
  }

  async readUsers(): Promise<void> {
    this.users = await sandbox.users()
    this.notify()
  }

  /** Selects a user and their first device. */
  selectUser(user: string): void {
    closeDialog()
    this.userName = user
    localStorage.setItem(USER_KEY, user)
    this.selectDevice('1')
  }

  /** Selects a device of the selected user. */
  selectDevice(name: string): void {
    closeDialog()
    this.deviceName = name
    this.notify()
    const { device } = this
    if (device.screen === 'profile' && !device.member) void device.openProfile()
  }

  /** Sends the last login code again, as an attacker would. */
  async replay(): Promise<void> {
    const data = { code: this.intercepted.code }
    const call = 'POST /login'
    this.callLog.begin(() => texts().interactions.replay())
    this.callLog.add({
      from: 'phone',
      to: 'server',
      call,
      isFromAttacker: true,
      request: { line: call, body: data },
    })
    const received = await fetch(`${this.server}/login`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Accept-Language': language() },
      body: JSON.stringify(data),
    })
    await this.callLog.addResponse(call, received, { isFromAttacker: true })
  }

  /** Restores the state of the first visit. The server keeps its members. */
  async startOver(): Promise<void> {
    closeDialog()
    faults.clear()
    await sandbox.clearFaults()
    await Promise.all(
      this.users.filter(({ blocked }) => blocked).map(({ user }) => sandbox.block(user, false)),
    )
    Object.keys(localStorage)
      .filter((key) => key.startsWith('virtual-phone/') && key !== 'virtual-phone/language')
      .forEach((key) => localStorage.removeItem(key))
    this.devices.clear()
    this.intercepted.code = undefined
    this.userName = ''
    this.deviceName = '1'
    this.callLog.clear()
    await this.readUsers()
  }

  private notify(): void {
    this.listeners.forEach((listener) => listener())
  }
}
