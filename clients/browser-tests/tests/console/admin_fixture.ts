/** Fixture of the console tests: an administrator of each role, and members, on a running server. */

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { BrowserUser, DESKTOP, type View } from '../support/browser.js'
import { menshen, sandbox, serverUrl } from '../support/programs.js'

export const PASSWORD = 'a long password of mine'

export const roles = ['viewer', 'operator', 'admin'] as const

export type Role = (typeof roles)[number]

/** Nicknames that members can choose, and the text that the console shows for them. */
export const nicknames: [nickname: string, shown: string][] = [
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

export class AdminFixture {
  /** Member ids by nickname. */
  readonly members = new Map<string, string>()

  private constructor() {}

  /**
   * Invites an administrator of each role, with the role as name, registers a member for each nickname, and
   * makes calls to WeChat and the login of a banned member fail.
   */
  static async create(): Promise<AdminFixture> {
    const fixture = new AdminFixture()
    for (const role of roles) await fixture.acceptInvitation(role, await fixture.invite(role, role))
    for (const [nickname] of nicknames) await fixture.registerMember(nickname)
    await sandbox('POST', 'faults', { path: '/sns/jscode2session', errcode: 45011, times: 1 })
    await fixture.tryLogin('user1')
    await fixture.sendLogin('nonsense')
    // A refusal that concerns a member is in the audit log at once, others after a minute.
    await menshen('ban', await fixture.registerMember('banned'))
    await fixture.tryLogin(`user${fixture.members.size}`)
    return fixture
  }

  /** Invites an administrator on the command line, and returns the invitation code. */
  async invite(name: string, role: Role): Promise<string> {
    const output = await menshen('admin', 'invite', name, '--role', role)
    return output.split('\n')[1]!
  }

  private async acceptInvitation(name: string, code: string): Promise<void> {
    await this.send('POST', '/admin/api/invitation', { name, code, password: PASSWORD })
  }

  /** Logs in a new user with a phone number, sets the nickname, and returns the member id. */
  async registerMember(nickname: string): Promise<string> {
    const number = this.members.size + 1
    await sandbox('POST', 'users', {
      user: `user${number}`,
      phone: `138${String(number).padStart(8, '0')}`,
    })
    const { memberId, token } = await this.logIn(`user${number}`)
    await this.send('PATCH', '/me', { nickName: nickname }, { authorization: `Bearer ${token}` })
    this.members.set(nickname, memberId)
    return memberId
  }

  private async logIn(user: string): Promise<{ memberId: string; token: string }> {
    const code = await this.code('login', user)
    return this.send('POST', '/login', { code, phoneCode: await this.code('phone', user) })
  }

  /** Sends a login of a known user, and returns the HTTP status. */
  async tryLogin(user: string): Promise<number> {
    return this.sendLogin(await this.code('login', user))
  }

  private async sendLogin(code: string): Promise<number> {
    const request = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    }
    return (await fetch(`${serverUrl}/login`, request)).status
  }

  private async code(kind: 'login' | 'phone', user: string): Promise<string> {
    return (await sandbox('POST', `codes/${kind}`, { user })).code
  }

  private async send(method: string, path: string, body: object, headers = {}): Promise<any> {
    const response = await fetch(serverUrl + path, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    const envelope: any = await response.json()
    assert.equal(response.status, 200, `${method} ${path}: ${JSON.stringify(envelope)}`)
    return envelope.data
  }

  /** Opens the console's sign-in page. */
  async openSignIn(view: View = DESKTOP, expectedErrors: RegExp[] = []): Promise<BrowserUser> {
    const user = await BrowserUser.open(`${serverUrl}/admin`, view, expectedErrors)
    await user.page.waitForSelector('form')
    return user
  }

  /** Opens the console as an administrator of this role. */
  async openAs(role: Role, expectedErrors: RegExp[] = []): Promise<BrowserUser> {
    const user = await this.openSignIn(DESKTOP, expectedErrors)
    await signIn(user.page, role)
    await user.page.waitForSelector('.tiles')
    return user
  }
}

export async function signIn(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.fill('[autocomplete=username]', name)
  await page.fill('[type=password]', password)
  await page.click('[type=submit]')
}

/** Opens a page of the console by its hash, and waits until its data is loaded. */
export async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate(
    (path) =>
      new Promise((resolve) => {
        const rendered = () => requestAnimationFrame(() => requestAnimationFrame(resolve))
        addEventListener('hashchange', rendered, { once: true })
        if (location.hash === `#${path}`) rendered()
        else location.hash = path
      }),
    path,
  )
  await page.waitForSelector('main h1')
  await page.waitForSelector('.loading', { state: 'detached' })
}

/** Confirms the open dialog, and waits until its action has succeeded. */
export async function confirm(page: Page): Promise<void> {
  await page.click('dialog[open] [type=submit]')
  await page.waitForSelector('dialog', { state: 'detached' })
}

/** Waits until the console shows this status message. */
export async function waitForNotice(page: Page, text: string): Promise<void> {
  await page.locator('.notice').getByText(text, { exact: true }).waitFor()
}

/** Waits until the table has this number of rows, and returns their texts. */
export async function tableRows(page: Page, count: number): Promise<string[]> {
  await page.waitForFunction((count) => document.querySelectorAll('tbody tr').length === count, count)
  return page.locator('tbody tr').allInnerTexts()
}
