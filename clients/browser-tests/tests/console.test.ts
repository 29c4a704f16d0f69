/** Every page of the console, as it looks to each who may look. */

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { go, nicknames, Office, roles, signIn, type Role } from './console/office.js'
import { DESKTOP, HANDSET, withBrowser, type View, type Visitor } from './support/browser.js'

let office: Office

withBrowser()

before(async () => {
  office = await Office.open()
})

const views: [string, View][] = [
  ['desktop-light', DESKTOP],
  ['desktop-dark', { ...DESKTOP, scheme: 'dark', language: 'zh-CN' }],
  ['phone-light', { ...HANDSET, language: 'zh-CN' }],
  ['phone-dark', { ...HANDSET, scheme: 'dark' }],
]

/** Everybody can use what is shown now, it fits, and nothing was complained of. Keeps a picture of it. */
async function hold(visitor: Visitor, name: string): Promise<void> {
  await visitor.accessible()
  await visitor.fits()
  await visitor.picture(`console-${name}`)
  assert.deepEqual(visitor.complaints, [], name)
}

for (const [name, view] of views) {
  test(`every page can be used by everybody: ${name}`, async () => {
    const visitor = await office.door(view)
    const { page } = visitor
    await hold(visitor, `sign-in-${name}`)
    await go(page, '/invitation')
    await hold(visitor, `invitation-${name}`)
    await go(page, '/')
    await signIn(page, 'admin')
    await page.waitForSelector('.u-legend')
    await hold(visitor, `overview-${name}`)
    for (const details of await page.locator('details summary').all()) await details.click()
    await hold(visitor, `overview-tables-${name}`)
    for (const place of ['/members', '/apps', '/apps/main', '/record', '/keys', '/admins', '/account']) {
      await go(page, place)
      await hold(visitor, `${place.slice(1).replace('/', '-')}-${name}`)
    }
    await go(page, `/members/${office.members.get('小明')}`)
    await page.waitForSelector('.event')
    await hold(visitor, `member-${name}`)
    for (const [nth, dialog] of ['ban', 'erase'].entries()) {
      await page.locator('.actions button').nth(nth).click()
      await page.waitForSelector('dialog[open]')
      await hold(visitor, `${dialog}-${name}`)
      await page.keyboard.press('Escape')
      await page.waitForSelector('dialog', { state: 'detached' })
    }
    await visitor.leave()
  })
}

test('what members call themselves is text, whatever it looks like', async () => {
  const visitor = await office.desk('viewer')
  const { page } = visitor
  await go(page, '/members')
  const shown = await page.locator('.nickname').allInnerTexts()
  for (const [nickname, written] of nicknames) {
    assert.ok(shown.includes(written), nickname)
    await go(page, `/members/${office.members.get(nickname)}`)
    await page.waitForSelector('.event')
    assert.equal(await page.innerText('h1 .nickname'), written)
    assert.equal(await page.locator('main :is(script, iframe, [onerror], img[src="x"])').count(), 0)
    await visitor.fits()
  }
  await visitor.leave()
})

test('the front page counts what happened, in plots and in tables', async () => {
  const visitor = await office.desk('viewer')
  const { page } = visitor
  const figures = await page.locator('.figure').allInnerTexts()
  const [logins, newcomers, refused] = figures.map(Number)
  assert.ok(newcomers! >= nicknames.length && logins! >= newcomers!, String(figures))
  assert.equal(refused, 1)
  const byDay = page.locator('figure', { hasText: 'Logins by day and outcome' })
  await byDay.locator('summary').click()
  const today = await byDay.locator('tbody tr').last().locator('td').allInnerTexts()
  assert.deepEqual(today.map(Number), [refused, newcomers, logins! - newcomers!])
  const errors = page.locator('figure', { hasText: 'WeChat errors by class' })
  assert.match(
    (await errors.locator('.u-legend').innerText()).replace(/\s+/g, ' '),
    /Code invalid.*Throttled/,
  )
  await visitor.leave()
})

/** What each role is offered: places to go, and what can be done to a member. */
const offered: Record<Role, [places: number, actions: string[]]> = {
  viewer: [5, []],
  operator: [5, ['Ban']],
  admin: [6, ['Ban', 'Erase']],
}

for (const role of roles) {
  test(`a role is offered what it may do and nothing more: ${role}`, async () => {
    const visitor = await office.desk(role)
    const { page } = visitor
    const [places, actions] = offered[role]
    assert.equal(await page.locator('nav a').count(), places)
    await go(page, `/members/${office.members.get('小明')}`)
    await page.waitForSelector('.event')
    assert.deepEqual(await page.locator('.actions button').allInnerTexts(), actions)
    const acts = role !== 'viewer'
    assert.equal(await page.getByRole('button', { name: 'Show whole number' }).isVisible(), acts)
    assert.equal((await page.getByRole('button', { name: /^End/ }).count()) > 0, acts)
    await go(page, '/apps')
    assert.equal(await page.getByRole('button', { name: 'Add an app' }).isVisible(), role === 'admin')
    await visitor.leave()
  })
}

test('the language can be changed, and stays as it was chosen', async () => {
  const visitor = await office.desk('viewer')
  const { page } = visitor
  await page.getByRole('button', { name: '中文' }).click()
  assert.equal(await page.innerText('h1'), '概览')
  assert.equal(await page.getAttribute('html', 'lang'), 'zh-CN')
  await page.reload()
  await page.waitForSelector('.tiles')
  assert.equal(await page.innerText('h1'), '概览')
  await visitor.leave()
})
