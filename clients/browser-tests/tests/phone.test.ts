/** Virtual phone of the WeChat sandbox, operated by new users. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrowserUser, DESKTOP, HANDSET, withBrowser, type View } from './support/browser.js'
import { phonePage, sandbox } from './support/programs.js'

/** Error that Chromium logs for each refused request. The tests below provoke them. */
const REFUSED_REQUEST = /Failed to load resource: the server responded with a status of (400|401|403|409|503)/

withBrowser()

/** Opens the phone as a new WeChat user. */
async function openAsNewUser(view: View = DESKTOP, expectedErrors: RegExp[] = []): Promise<Phone> {
  const phone = new Phone(await BrowserUser.open(phonePage, view, expectedErrors))
  await phone.tap('new-user')
  await phone.page.locator('#users [aria-pressed="true"]', { hasText: /^u\d/ }).waitFor()
  return phone
}

/** Page object of the virtual phone. */
class Phone {
  constructor(readonly user: BrowserUser) {}

  get page() {
    return this.user.page
  }

  /** Clicks an element by its id. */
  tap(id: string): Promise<void> {
    return this.page.click(`#${id}`)
  }

  /** Waits until the screen shows a text. */
  async waitForScreen(text: string): Promise<void> {
    await this.page.locator('#screen').getByText(text).first().waitFor()
  }

  async logIn(): Promise<void> {
    await this.tap('with-phone')
    await this.tap('allow')
    await this.page.locator('#logout').waitFor()
  }

  /** Waits for a number of calls in the last interaction of the diagram, and returns all its calls. */
  async calls(count: number): Promise<string[]> {
    const arrows = this.page.locator('#diagram section').last().locator('.step .arrow code')
    await arrows.nth(count - 1).waitFor()
    return arrows.allTextContents()
  }

  /** Takes a screenshot of the phone and the start of the diagram. */
  async screenshotFromStart(name: string): Promise<void> {
    await this.page.locator('.weui-toast').waitFor({ state: 'detached' })
    await this.page.locator('#diagram').evaluate((diagram) => diagram.scrollTo(0, 0))
    await this.user.screenshot(name)
  }

  /** Waits until the last interaction of the diagram contains a text. */
  async waitForDiagram(text: string | RegExp): Promise<void> {
    await this.page.locator('#diagram section').last().getByText(text).first().waitFor()
  }
}

test('login with a phone number shows all its calls, and secrets only on request', async () => {
  const phone = new Phone(await BrowserUser.open(phonePage, DESKTOP))
  await phone.waitForScreen('Member login')
  await phone.user.screenshot('phone-start')
  await phone.tap('with-phone')
  await phone.page.getByRole('dialog').getByText('138****8000').waitFor()
  await phone.user.expectAccessible()
  await phone.user.screenshot('phone-asks-for-number')
  await phone.tap('allow')
  await phone.waitForScreen('138******00')
  const calls = await phone.calls(8)
  const firstCalls = ['getPhoneNumber', 'wx.login()', 'POST /login', 'GET /sns/jscode2session']
  assert.deepEqual(calls.slice(0, 4), firstCalls)
  for (const call of ['POST /wxa/business/getuserphonenumber', '200 OK', 'GET /me']) {
    assert.ok(calls.includes(call), `${call} in ${calls}`)
  }
  await phone.page.getByText('Decode the token').first().click()
  await phone.waitForDiagram('session on this device')
  await phone.user.expectAccessible()
  await phone.user.screenshot('phone-token')
  await phone.screenshotFromStart('phone-light')

  const secret = await phone.page
    .locator('button.secret[data-name="session_key"]')
    .first()
    .getAttribute('data-value')
  const diagramText = () =>
    phone.page.locator('#diagram').evaluate((diagram) => (diagram as HTMLElement).innerText)
  for (const summary of await phone.page.locator('#diagram summary').all()) {
    if (!(await summary.evaluate((element) => (element.parentElement as HTMLDetailsElement).open)))
      await summary.click()
  }
  assert.ok(secret && !(await diagramText()).includes(secret), 'the session key is hidden at first')
  await phone.tap('reveal')
  assert.ok((await diagramText()).includes(secret), 'the session key is shown on request')
  await phone.user.close()
})

test('a refused phone number sends no request, and login works without it', async () => {
  const phone = await openAsNewUser()
  await phone.tap('with-phone')
  await phone.tap('refuse')
  assert.deepEqual(await phone.calls(1), ['getPhoneNumber:fail user deny'])
  await phone.waitForDiagram('This is not an error.')
  await phone.tap('without-phone')
  await phone.page.locator('#bind').waitFor()
  await phone.tap('bind')
  await phone.tap('allow')
  await phone.waitForScreen('137******')
  await phone.user.close()
})

test('a replayed login code is refused', async () => {
  const phone = await openAsNewUser(DESKTOP, [REFUSED_REQUEST])
  await phone.page.locator('#replay[aria-disabled="true"]').waitFor()
  await phone.logIn()
  await phone.tap('replay')
  await phone.waitForDiagram('A login code works once.')
  await phone.user.screenshot('phone-code-replayed')
  await phone.user.close()
})

test('an expired login code is replaced by a new one', async () => {
  const phone = await openAsNewUser(DESKTOP, [REFUSED_REQUEST])
  await phone.tap('expired')
  await phone.tap('without-phone')
  await phone.page.locator('#logout').waitFor()
  await phone.waitForDiagram('The login code has expired or is invalid.')
  const calls = await phone.calls(8)
  assert.equal(calls.filter((call) => call === 'wx.login()').length, 2)
  await phone.user.close()
})

test('a user blocked by WeChat cannot log in until unblocked', async () => {
  const phone = await openAsNewUser(DESKTOP, [REFUSED_REQUEST])
  await phone.tap('blocked')
  await phone.page.locator('#blocked[aria-pressed="true"]').waitFor()
  await phone.tap('without-phone')
  await phone.waitForDiagram('WeChat has blocked this user')
  await phone.page.locator('#screen [role="alert"]:not(:empty)').waitFor()
  await phone.user.expectAccessible()
  await phone.user.screenshot('phone-user-blocked')
  await phone.tap('blocked')
  await phone.page.locator('#blocked[aria-pressed="false"]').waitFor()
  await phone.tap('without-phone')
  await phone.page.locator('#logout').waitFor()
  await phone.user.close()
})

test('after a lost response the same login request is sent again, and executed once', async () => {
  const phone = await openAsNewUser()
  await phone.tap('lost')
  await phone.tap('without-phone')
  await phone.page.locator('#logout').waitFor()
  await phone.waitForDiagram(/there is no second login/)
  const calls = await phone.calls(7)
  assert.equal(calls.filter((call) => call === 'POST /login').length, 2)
  assert.equal(calls.filter((call) => call === 'GET /sns/jscode2session').length, 1)
  await phone.user.screenshot('phone-answer-lost')
  await phone.user.close()
})

test('a login is retried while WeChat is busy', async () => {
  const phone = await openAsNewUser(DESKTOP, [REFUSED_REQUEST])
  await phone.tap('busy')
  await phone.page.locator('#busy[aria-pressed="true"]').waitFor()
  await phone.tap('without-phone')
  await phone.waitForDiagram('system busy')
  await phone.page.locator('#logout').waitFor()
  await phone.page.locator('#busy[aria-pressed="false"]').waitFor()
  await phone.user.close()
})

test('each device has its own session, which another device can end', async () => {
  const phone = await openAsNewUser()
  await phone.logIn()
  await phone.tap('device-2')
  await phone.waitForScreen('Member login')
  await phone.logIn()
  await phone.tap('device-1')
  await phone.page.locator('#devices').click()
  await phone.waitForScreen('Another device')
  await phone.user.expectAccessible()
  await phone.user.screenshot('phone-devices')
  await phone.page.locator('button[id^="end-"]').click()
  await phone.waitForDiagram('The session of the other device is ended')
  await phone.page.locator('button[id^="end-"]').waitFor({ state: 'detached' })
  await phone.tap('back')
  await phone.tap('logout')
  await phone.waitForScreen('Member login')
  await phone.user.close()
})

test('a changed nickname is rendered as text', async () => {
  const phone = await openAsNewUser()
  await phone.logIn()
  const hostile = '<img src=x onerror=alert(1)>'
  await phone.page.fill('#nickname', hostile)
  await phone.tap('save')
  await phone.page.locator('#title', { hasText: hostile }).waitFor()
  await phone.page.reload()
  await phone.page.locator('#title', { hasText: hostile }).waitFor()
  await phone.user.close()
})

test('taps during an interaction are queued, and repeated taps are executed once', async () => {
  const phone = await openAsNewUser()
  await phone.logIn()
  await phone.tap('slow')
  await phone.page.fill('#nickname', 'Lin')
  await phone.page.dblclick('#save')
  await phone.tap('devices')
  await phone.tap('back')
  await phone.tap('logout')
  await phone.waitForScreen('Member login')
  const headings = await phone.page.locator('#diagram section h3').allInnerTexts()
  const taps = ['changes the nickname', 'opens the list of devices', 'opens the profile', 'logs out']
  for (const tap of taps) assert.equal(headings.filter((it) => it.includes(tap)).length, 1, `${headings}`)
  await phone.user.close()
})

test('login and logout work a day later on a slow network', async () => {
  const phone = await openAsNewUser()
  await phone.tap('slow')
  await phone.tap('five-minutes')
  await phone.tap('a-day')
  await phone.logIn()
  await phone.tap('slow')
  await phone.tap('logout-everywhere')
  await phone.waitForScreen('Member login')
  await phone.tap('start-over')
  await phone.page.getByText('Tap the green button on the phone.').waitFor()
  await phone.user.close()
})

test('the phone can be operated with the keyboard alone', async () => {
  const phone = await openAsNewUser()
  const { keyboard } = phone.page
  await phone.page.locator('#with-phone').focus()
  await keyboard.press('Enter')
  await phone.page.locator('#allow').waitFor()
  await keyboard.press('Escape')
  await phone.page.locator('#allow').waitFor({ state: 'detached' })
  await keyboard.press('Enter')
  await phone.page.locator('#allow').waitFor()
  await keyboard.press('Tab')
  await keyboard.press('Tab')
  await keyboard.press('Enter')
  await phone.page.locator('#logout').waitFor()
  const focused = await phone.page.evaluate(() => document.activeElement?.id)
  assert.equal(focused, 'title', 'the focus moves to the title of the new screen')
  await phone.user.close()
})

test('an unreachable server is reported', async () => {
  const url = new URL(phonePage)
  url.searchParams.set('server', 'http://127.0.0.1:1')
  const phone = new Phone(
    await BrowserUser.open(url.href, DESKTOP, [/ERR_UNSAFE_PORT|ERR_CONNECTION_REFUSED/]),
  )
  await phone.page.getByText('http://127.0.0.1:1 does not respond').waitFor()
  await phone.user.close()
})

for (const [name, view] of [
  ['dark', { ...DESKTOP, scheme: 'dark' }],
  ['chinese', { ...DESKTOP, language: 'zh-CN' }],
  ['chinese-dark', { ...DESKTOP, language: 'zh-CN', scheme: 'dark' }],
  ['handset', HANDSET],
  ['handset-dark-chinese', { ...HANDSET, scheme: 'dark', language: 'zh-CN' }],
] as [string, View][]) {
  test(`the phone is accessible: ${name}`, async () => {
    await sandbox('POST', 'reset')
    const phone = new Phone(await BrowserUser.open(phonePage, view))
    await phone.page.locator('#with-phone').waitFor()
    await phone.user.expectAccessible()
    await phone.user.expectNoOverflow()
    await phone.logIn()
    await phone.calls(8)
    await phone.user.expectAccessible()
    await phone.user.expectNoOverflow()
    await phone.screenshotFromStart(`phone-${name}`)
    await phone.user.close()
  })
}
