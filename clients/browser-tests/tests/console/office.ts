/** An office of administrators over the real programs, and members to look after. */

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { DESKTOP, Visitor, type View } from '../support/browser.js'
import { menshen, sandbox, serverUrl } from '../support/programs.js'

export const PASSWORD = 'a long password of mine'

export const roles = ['viewer', 'operator', 'admin'] as const

export type Role = (typeof roles)[number]

/** What people may call themselves, and how the console writes it. */
export const nicknames: [string, string][] = [
  ['小明', '小明'],
  ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
  ['"><script>alert(1)</script>', '"><script>alert(1)</script>'],
  ['{{constructor}} ${alert(1)}', '{{constructor}} ${alert(1)}'],
  ['\u202Etxet desrever\u202C', '[U+202E]txet desrever[U+202C]'],
  [
    'Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324',
    'Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324',
  ],
  ['长'.repeat(64), '长'.repeat(64)],
  ['javascript:alert(1)', 'javascript:alert(1)'],
]

export class Office {
  /** Members, by what they call themselves: their ids. */
  readonly members = new Map<string, string>()

  private constructor() {}

  /** Invites an administrator of each role, named after it, and lets people log in. */
  static async open(): Promise<Office> {
    const office = new Office()
    for (const role of roles) await office.accept(role, await office.invite(role, role))
    for (const [nickname] of nicknames) await office.register(nickname)
    await sandbox('POST', 'faults', { path: '/sns/jscode2session', errcode: 45011, times: 1 })
    for (const user of ['user1', 'nobody']) await office.try(user)
    return office
  }

  /** The code of an invitation, from the command line. */
  async invite(name: string, role: Role): Promise<string> {
    const said = await menshen('admin', 'invite', name, '--role', role)
    return said.split('\n')[1]!
  }

  private async accept(name: string, code: string): Promise<void> {
    await this.ask('POST', '/admin/api/invitation', { name, code, password: PASSWORD })
  }

  /** Logs somebody new in who has a phone number, and calls them so. */
  async register(nickname: string): Promise<string> {
    const nth = this.members.size + 1
    await sandbox('POST', 'users', {
      user: `user${nth}`,
      phone: `138${String(nth).padStart(8, '0')}`,
    })
    const { memberId, token } = await this.logIn(`user${nth}`)
    await this.ask('PATCH', '/me', { nickName: nickname }, { authorization: `Bearer ${token}` })
    this.members.set(nickname, memberId)
    return memberId
  }

  private async logIn(user: string): Promise<{ memberId: string; token: string }> {
    const code = await this.code('login', user)
    return this.ask('POST', '/login', { code, phoneCode: await this.code('phone', user) })
  }

  /** Lets somebody log in again, or try to. */
  async try(user: string): Promise<number> {
    const code = user === 'nobody' ? 'nonsense' : await this.code('login', user)
    const sent = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    }
    return (await fetch(`${serverUrl}/login`, sent)).status
  }

  private async code(kind: 'login' | 'phone', user: string): Promise<string> {
    return (await sandbox('POST', `codes/${kind}`, { user })).code
  }

  private async ask(method: string, path: string, body: object, headers = {}): Promise<any> {
    const answer = await fetch(serverUrl + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    const envelope: any = await answer.json()
    assert.equal(answer.status, 200, `${method} ${path}: ${JSON.stringify(envelope)}`)
    return envelope.data
  }

  /** The console in front of somebody who is not signed in. */
  async door(view: View = DESKTOP, expected: RegExp[] = []): Promise<Visitor> {
    const visitor = await Visitor.at(`${serverUrl}/admin`, view, expected)
    await visitor.page.waitForSelector('form')
    return visitor
  }

  /** The console in front of an administrator of this role. */
  async desk(role: Role, expected: RegExp[] = []): Promise<Visitor> {
    const visitor = await this.door(DESKTOP, expected)
    await signIn(visitor.page, role)
    await visitor.page.waitForSelector('.tiles')
    return visitor
  }
}

export async function signIn(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.fill('[autocomplete=username]', name)
  await page.fill('[type=password]', password)
  await page.click('[type=submit]')
}

/** Goes to a page of the console, and waits until nothing on it is under way. */
export async function go(page: Page, place: string): Promise<void> {
  await page.evaluate(
    (to) =>
      new Promise((resolve) => {
        const shown = () => requestAnimationFrame(() => requestAnimationFrame(resolve))
        addEventListener('hashchange', shown, { once: true })
        if (location.hash === `#${to}`) shown()
        else location.hash = to
      }),
    place,
  )
  await page.waitForSelector('main h1')
  await page.waitForSelector('.waiting', { state: 'detached' })
}

/** Presses the button in the dialog that does what it asks about, and waits until it is done. */
export async function confirm(page: Page): Promise<void> {
  await page.click('dialog[open] [type=submit]')
  await page.waitForSelector('dialog', { state: 'detached' })
}

/** Waits until the console says that this was done. */
export async function says(page: Page, done: string): Promise<void> {
  await page.locator('.notice').getByText(done, { exact: true }).waitFor()
}

/** Waits until a table has so many lines, and returns what they say. */
export async function lines(page: Page, count: number): Promise<string[]> {
  await page.waitForFunction((count) => document.querySelectorAll('tbody tr').length === count, count)
  return page.locator('tbody tr').allInnerTexts()
}
