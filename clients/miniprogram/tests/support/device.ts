/** A phone with the SDK on it, and a scripted service for it to talk to. */

import type { TestContext } from 'node:test'
import { createMenshen, type Menshen, type Options } from 'menshen-miniprogram'
import { Phone } from './phone.js'
import { done, ScriptedService } from './transport.js'

/** The answer of a login that went well. */
export const LOGIN = {
  token: 't1',
  refreshToken: 'r1',
  expiresIn: 7200,
  memberId: 'm1',
  nickName: '好柿开花8000',
  isNew: true,
}

export interface Device {
  menshen: Menshen
  phone: Phone
  service: ScriptedService
}

/** A phone whose service lets everybody in; `wx.login` gives `code1`, `code2` and so on. */
export function device(options: Partial<Options> = {}): Device {
  const service = new ScriptedService().on('POST /login', done(LOGIN))
  let codes = 0
  const phone = new Phone(service.transport, async () => `code${++codes}`)
  const menshen = createMenshen({ baseUrl: 'https://member.example.com', wx: phone.wx, ...options })
  return { menshen, phone, service }
}

/** A device that has logged in, and whose log is empty. */
export async function loggedIn(options: Partial<Options> = {}): Promise<Device> {
  const made = device(options)
  await made.menshen.login()
  made.service.log.length = 0
  return made
}

/** The event of the phone button. */
export function phoneEvent(code?: string): { detail: { code?: string; errMsg: string } } {
  return { detail: { code, errMsg: code ? 'getPhoneNumber:ok' : 'getPhoneNumber:fail user deny' } }
}

/** Lets the SDK's waits pass at once, and returns their lengths in seconds. */
export function hurry(t: TestContext): number[] {
  const waits: number[] = []
  const real = globalThis.setTimeout
  t.after(() => void (globalThis.setTimeout = real))
  const hurried = (callback: () => void, milliseconds = 0) => {
    waits.push(milliseconds / 1000)
    return real(callback, 0)
  }
  globalThis.setTimeout = hurried as typeof setTimeout
  return waits
}

/** Lets everything that is ready run. */
export async function idle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Waits for something to become true, but not for ever. */
export async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 20_000
  while (!holds()) {
    if (Date.now() > end) throw new Error(`it never became true that ${holds}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
