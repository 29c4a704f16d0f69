/** A phone with the SDK, connected to a scripted service. */

import type { TestContext } from 'node:test'
import { createMenshen, type Menshen, type Options } from 'menshen-miniprogram'
import { Phone } from './phone.js'
import { ScriptedService, success } from './transport.js'

/** Data of a successful login. */
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

/** Creates a phone whose service accepts every login. `wx.login` returns `code1`, `code2` and so on. */
export function createDevice(options: Partial<Options> = {}): Device {
  const service = new ScriptedService().on('POST /login', success(LOGIN))
  let codes = 0
  const phone = new Phone(service.transport, async () => `code${++codes}`)
  const menshen = createMenshen({ baseUrl: 'https://member.example.com', wx: phone.wx, ...options })
  return { menshen, phone, service }
}

/** Creates a logged-in device. The log of its service is empty. */
export async function loggedInDevice(options: Partial<Options> = {}): Promise<Device> {
  const device = createDevice(options)
  await device.menshen.login()
  device.service.log.length = 0
  return device
}

/** Event of the phone button; without a code, of a user who declines. */
export function phoneEvent(code?: string): { detail: { code?: string; errMsg: string } } {
  return { detail: { code, errMsg: code ? 'getPhoneNumber:ok' : 'getPhoneNumber:fail user deny' } }
}

/** Shortens the waits of the SDK to zero. Returns a list that collects their lengths in seconds. */
export function skipWaits(t: TestContext): number[] {
  const waits: number[] = []
  const realSetTimeout = globalThis.setTimeout
  t.after(() => void (globalThis.setTimeout = realSetTimeout))
  const immediateTimeout = (callback: () => void, milliseconds = 0) => {
    waits.push(milliseconds / 1000)
    return realSetTimeout(callback, 0)
  }
  globalThis.setTimeout = immediateTimeout as typeof setTimeout
  return waits
}

/** Runs the pending tasks of the event loop. */
export async function runPendingTasks(): Promise<void> {
  for (let round = 0; round < 10; round++) await new Promise((resolve) => setImmediate(resolve))
}

/** Waits until a condition is true. Fails after a timeout. */
export async function waitUntil(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`timeout while waiting for ${condition}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
