/** The phone that the offline WeChat shows, in the hands of people who have never seen one. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DESKTOP, HANDSET, Visitor, withBrowser, type View } from './support/browser.js'
import { phonePage, sandbox } from './support/programs.js'

/** A refusal that the page is made to show; Chromium complains of each. */
const REFUSED = /Failed to load resource: the server responded with a status of (400|401|403|409|503)/

withBrowser()

/** Somebody new to this WeChat, with the phone in hand. */
async function newcomer(view: View = DESKTOP, expected: RegExp[] = []): Promise<Phone> {
  const phone = new Phone(await Visitor.at(phonePage, view, expected))
  await phone.tap('new-user')
  await phone.page.locator('#people [aria-pressed="true"]', { hasText: /^u\d/ }).waitFor()
  return phone
}

class Phone {
  constructor(readonly visitor: Visitor) {}

  get page() {
    return this.visitor.page
  }

  tap(id: string): Promise<void> {
    return this.page.click(`#${id}`)
  }

  async shows(text: string): Promise<void> {
    await this.page.locator('#screen').getByText(text).first().waitFor()
  }

  async logIn(): Promise<void> {
    await this.tap('with-phone')
    await this.tap('allow')
    await this.page.locator('#logout').waitFor()
  }

  /** The calls that were drawn since the last tap, when there are as many. */
  async calls(count: number): Promise<string[]> {
    const arrows = this.page.locator('#timeline section').last().locator('.step .arrow code')
    await arrows.nth(count - 1).waitFor()
    return arrows.allTextContents()
  }

  /** Keeps a picture of the phone and of how it began. */
  async portrait(name: string): Promise<void> {
    await this.page.locator('.weui-toast').waitFor({ state: 'detached' })
    await this.page.locator('#timeline').evaluate((timeline) => timeline.scrollTo(0, 0))
    await this.visitor.picture(name)
  }

  /** Waits until the last chapter says this. */
  async told(text: string | RegExp): Promise<void> {
    await this.page.locator('#timeline section').last().getByText(text).first().waitFor()
  }
}

test('alice logs in with her number, and sees what that took', async () => {
  const phone = new Phone(await Visitor.at(phonePage, DESKTOP))
  await phone.shows('Members’ login')
  await phone.visitor.picture('phone-first-sight')
  await phone.tap('with-phone')
  await phone.page.getByRole('dialog').getByText('138****8000').waitFor()
  await phone.visitor.accessible()
  await phone.visitor.picture('phone-asks-for-number')
  await phone.tap('allow')
  await phone.shows('138******00')
  const calls = await phone.calls(8)
  const inOrder = ['getPhoneNumber', 'wx.login()', 'POST /login', 'GET /sns/jscode2session']
  assert.deepEqual(calls.slice(0, 4), inOrder)
  for (const call of ['POST /wxa/business/getuserphonenumber', '200 OK', 'GET /me']) {
    assert.ok(calls.includes(call), `${call} in ${calls}`)
  }
  await phone.page.getByText('Look into the token').first().click()
  await phone.told('this login, on this device')
  await phone.visitor.accessible()
  await phone.visitor.picture('phone-token')
  await phone.portrait('phone-light')

  const secret = await phone.page
    .locator('button.secret[data-name="session_key"]')
    .first()
    .getAttribute('data-value')
  const seen = () =>
    phone.page.locator('#timeline').evaluate((timeline) => (timeline as HTMLElement).innerText)
  for (const summary of await phone.page.locator('#timeline summary').all()) {
    if (!(await summary.evaluate((element) => (element.parentElement as HTMLDetailsElement).open)))
      await summary.click()
  }
  assert.ok(
    secret && !(await seen()).includes(secret),
    'the session key is shown to whoever looks over the shoulder',
  )
  await phone.tap('reveal')
  assert.ok((await seen()).includes(secret), 'who asks for the secrets gets them')
  await phone.visitor.leave()
})

test('who refuses their number sends nothing, and gets in without it', async () => {
  const phone = await newcomer()
  await phone.tap('with-phone')
  await phone.tap('refuse')
  assert.deepEqual(await phone.calls(1), ['getPhoneNumber:fail user deny'])
  await phone.told('That is no error.')
  await phone.tap('without-phone')
  await phone.page.locator('#bind').waitFor()
  await phone.tap('bind')
  await phone.tap('allow')
  await phone.shows('137******')
  await phone.visitor.leave()
})

test('a code that was read along is worth nothing', async () => {
  const phone = await newcomer(DESKTOP, [REFUSED])
  await phone.page.locator('#replay[aria-disabled="true"]').waitFor()
  await phone.logIn()
  await phone.tap('replay')
  await phone.told('A login code works once.')
  await phone.visitor.picture('phone-code-replayed')
  await phone.visitor.leave()
})

test('a code that has expired is replaced by a new one', async () => {
  const phone = await newcomer(DESKTOP, [REFUSED])
  await phone.tap('expired')
  await phone.tap('without-phone')
  await phone.page.locator('#logout').waitFor()
  await phone.told('The login code has expired or is wrong.')
  const calls = await phone.calls(8)
  assert.equal(calls.filter((call) => call === 'wx.login()').length, 2)
  await phone.visitor.leave()
})

test('whom WeChat has blocked stays outside until it lets them in again', async () => {
  const phone = await newcomer(DESKTOP, [REFUSED])
  await phone.tap('blocked')
  await phone.page.locator('#blocked[aria-pressed="true"]').waitFor()
  await phone.tap('without-phone')
  await phone.told('WeChat has blocked this user')
  await phone.page.locator('#screen [role="alert"]:not(:empty)').waitFor()
  await phone.visitor.accessible()
  await phone.visitor.picture('phone-user-blocked')
  await phone.tap('blocked')
  await phone.page.locator('#blocked[aria-pressed="false"]').waitFor()
  await phone.tap('without-phone')
  await phone.page.locator('#logout').waitFor()
  await phone.visitor.leave()
})

test('an answer that is lost costs nothing: the same request is sent again', async () => {
  const phone = await newcomer()
  await phone.tap('lost')
  await phone.tap('without-phone')
  await phone.page.locator('#logout').waitFor()
  await phone.told(/nobody is logged in twice/)
  const calls = await phone.calls(7)
  assert.equal(calls.filter((call) => call === 'POST /login').length, 2)
  assert.equal(calls.filter((call) => call === 'GET /sns/jscode2session').length, 1)
  await phone.visitor.picture('phone-answer-lost')
  await phone.visitor.leave()
})

test('WeChat is busy, and the phone comes again by itself', async () => {
  const phone = await newcomer(DESKTOP, [REFUSED])
  await phone.tap('busy')
  await phone.page.locator('#busy[aria-pressed="true"]').waitFor()
  await phone.tap('without-phone')
  await phone.told('system busy')
  await phone.page.locator('#logout').waitFor()
  await phone.page.locator('#busy[aria-pressed="false"]').waitFor()
  await phone.visitor.leave()
})

test('a second device has a session of its own, which the first can end', async () => {
  const phone = await newcomer()
  await phone.logIn()
  await phone.tap('device-2')
  await phone.shows('Members’ login')
  await phone.logIn()
  await phone.tap('device-1')
  await phone.page.locator('#devices').click()
  await phone.shows('Another device')
  await phone.visitor.accessible()
  await phone.visitor.picture('phone-devices')
  await phone.page.locator('button[id^="end-"]').click()
  await phone.told('The other device’s session is ended')
  await phone.page.locator('button[id^="end-"]').waitFor({ state: 'detached' })
  await phone.tap('back')
  await phone.tap('logout')
  await phone.shows('Members’ login')
  await phone.visitor.leave()
})

test('a nickname is changed, and is text whatever it looks like', async () => {
  const phone = await newcomer()
  await phone.logIn()
  const hostile = '<img src=x onerror=alert(1)>'
  await phone.page.fill('#nickname', hostile)
  await phone.tap('save')
  await phone.page.locator('#title', { hasText: hostile }).waitFor()
  await phone.page.reload()
  await phone.page.locator('#title', { hasText: hostile }).waitFor()
  await phone.visitor.leave()
})

test('a tap while something is under way is done after it, and two taps are one', async () => {
  const phone = await newcomer()
  await phone.logIn()
  await phone.tap('slow')
  await phone.page.fill('#nickname', 'Lin')
  await phone.page.dblclick('#save')
  await phone.tap('devices')
  await phone.tap('back')
  await phone.tap('logout')
  await phone.shows('Members’ login')
  const chapters = await phone.page.locator('#timeline section h3').allInnerTexts()
  const taps = ['changes the nickname', 'looks at the devices', 'opens the profile', 'logs out']
  for (const tap of taps) assert.equal(chapters.filter((it) => it.includes(tap)).length, 1, `${chapters}`)
  await phone.visitor.leave()
})

test('a day later, with a slow network, everything works as before', async () => {
  const phone = await newcomer()
  await phone.tap('slow')
  await phone.tap('five-minutes')
  await phone.tap('a-day')
  await phone.logIn()
  await phone.tap('slow')
  await phone.tap('logout-everywhere')
  await phone.shows('Members’ login')
  await phone.tap('start-over')
  await phone.page.getByText('Tap the green button on the phone.').waitFor()
  await phone.visitor.leave()
})

test('the keyboard is enough', async () => {
  const phone = await newcomer()
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
  assert.equal(focused, 'title', 'who cannot see is told where they are now')
  await phone.visitor.leave()
})

test('the server that is not there is missed in words', async () => {
  const url = new URL(phonePage)
  url.searchParams.set('server', 'http://127.0.0.1:1')
  const phone = new Phone(await Visitor.at(url.href, DESKTOP, [/ERR_UNSAFE_PORT|ERR_CONNECTION_REFUSED/]))
  await phone.page.getByText('http://127.0.0.1:1 does not answer').waitFor()
  await phone.visitor.leave()
})

for (const [name, view] of [
  ['dark', { ...DESKTOP, scheme: 'dark' }],
  ['chinese', { ...DESKTOP, language: 'zh-CN' }],
  ['chinese-dark', { ...DESKTOP, language: 'zh-CN', scheme: 'dark' }],
  ['handset', HANDSET],
  ['handset-dark-chinese', { ...HANDSET, scheme: 'dark', language: 'zh-CN' }],
] as [string, View][]) {
  test(`everybody can use it: ${name}`, async () => {
    await sandbox('POST', 'reset')
    const phone = new Phone(await Visitor.at(phonePage, view))
    await phone.page.locator('#with-phone').waitFor()
    await phone.visitor.accessible()
    await phone.visitor.fits()
    await phone.logIn()
    await phone.calls(8)
    await phone.visitor.accessible()
    await phone.visitor.fits()
    await phone.portrait(`phone-${name}`)
    await phone.visitor.leave()
  })
}
