/** Pages of the console: rendering, accessibility, and the actions that each role is offered. */

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { AdminFixture, goTo, nicknames, roles, signIn, type Role } from './console/admin_fixture.js'
import { DESKTOP, HANDSET, withBrowser, type BrowserUser, type View } from './support/browser.js'

let fixture: AdminFixture

withBrowser()

before(async () => {
  fixture = await AdminFixture.create()
})

const views: [string, View][] = [
  ['desktop-light', DESKTOP],
  ['desktop-dark', { ...DESKTOP, scheme: 'dark', language: 'zh-CN' }],
  ['phone-light', { ...HANDSET, language: 'zh-CN' }],
  ['phone-dark', { ...HANDSET, scheme: 'dark' }],
]

/** Checks that the current page is accessible, fits the window and caused no errors. Takes a screenshot. */
async function checkPage(user: BrowserUser, name: string): Promise<void> {
  await user.expectAccessible()
  await user.expectNoOverflow()
  await user.screenshot(`console-${name}`)
  assert.deepEqual(user.errors, [], name)
}

for (const [name, view] of views) {
  test(`every page is accessible: ${name}`, async () => {
    const user = await fixture.openSignIn(view)
    const { page } = user
    await checkPage(user, `sign-in-${name}`)
    await goTo(page, '/invitation')
    await checkPage(user, `invitation-${name}`)
    await goTo(page, '/')
    await signIn(page, 'admin')
    await page.waitForSelector('.u-legend')
    await checkPage(user, `overview-${name}`)
    for (const details of await page.locator('details summary').all()) await details.click()
    await checkPage(user, `overview-tables-${name}`)
    for (const path of ['/members', '/apps', '/apps/main', '/audit', '/keys', '/admins', '/account']) {
      await goTo(page, path)
      await checkPage(user, `${path.slice(1).replace('/', '-')}-${name}`)
    }
    await goTo(page, `/members/${fixture.members.get('小明')}`)
    await page.waitForSelector('.event')
    await checkPage(user, `member-${name}`)
    for (const [index, dialog] of ['ban', 'erase'].entries()) {
      await page.locator('.actions button').nth(index).click()
      await page.waitForSelector('dialog[open]')
      await checkPage(user, `${dialog}-${name}`)
      await page.keyboard.press('Escape')
      await page.waitForSelector('dialog', { state: 'detached' })
    }
    await user.close()
  })
}

test('nicknames are rendered as text', async () => {
  const user = await fixture.openAs('viewer')
  const { page } = user
  await goTo(page, '/members')
  const texts = await page.locator('.nickname').allInnerTexts()
  for (const [nickname, shown] of nicknames) {
    assert.ok(texts.includes(shown), nickname)
    await goTo(page, `/members/${fixture.members.get(nickname)}`)
    await page.waitForSelector('.event')
    assert.equal(await page.innerText('h1 .nickname'), shown)
    assert.equal(await page.locator('main :is(script, iframe, [onerror], img[src="x"])').count(), 0)
    await user.expectNoOverflow()
  }
  await user.close()
})

test('overview shows the statistics as charts and as tables', async () => {
  const user = await fixture.openAs('viewer')
  const { page } = user
  const figures = await page.locator('.figure').allInnerTexts()
  const [logins, newMembers, refused] = figures.map(Number)
  assert.ok(newMembers! >= nicknames.length && logins! >= newMembers!, String(figures))
  assert.ok(refused! >= 1, String(figures))
  const byDay = page.locator('figure', { hasText: 'Logins by day and outcome' })
  await byDay.locator('summary').click()
  const today = await byDay.locator('tbody tr').last().locator('td').allInnerTexts()
  assert.deepEqual(today.map(Number), [refused, newMembers, logins! - newMembers!])
  const errors = page.locator('figure', { hasText: 'WeChat errors by class' })
  assert.match(
    (await errors.locator('.u-legend').innerText()).replace(/\s+/g, ' '),
    /Invalid code.*Rate limited/,
  )
  await user.close()
})

/** Number of navigation links, and the actions on a member, by role. */
const offered: Record<Role, [links: number, actions: string[]]> = {
  viewer: [5, []],
  operator: [5, ['Ban']],
  admin: [6, ['Ban', 'Erase']],
}

for (const role of roles) {
  test(`a role is offered only the actions it allows: ${role}`, async () => {
    const user = await fixture.openAs(role)
    const { page } = user
    const [links, actions] = offered[role]
    assert.equal(await page.locator('nav a').count(), links)
    await goTo(page, `/members/${fixture.members.get('小明')}`)
    await page.waitForSelector('.event')
    assert.deepEqual(await page.locator('.actions button').allInnerTexts(), actions)
    const isOperator = role !== 'viewer'
    assert.equal(await page.getByRole('button', { name: 'Show full number' }).isVisible(), isOperator)
    assert.equal((await page.getByRole('button', { name: /^End/ }).count()) > 0, isOperator)
    await goTo(page, '/apps')
    assert.equal(await page.getByRole('button', { name: 'Add app' }).isVisible(), role === 'admin')
    await user.close()
  })
}

test('the chosen language is kept after a reload', async () => {
  const user = await fixture.openAs('viewer')
  const { page } = user
  await page.getByRole('button', { name: '中文' }).click()
  assert.equal(await page.innerText('h1'), '概览')
  assert.equal(await page.getAttribute('html', 'lang'), 'zh-CN')
  await page.reload()
  await page.waitForSelector('.tiles')
  assert.equal(await page.innerText('h1'), '概览')
  await user.close()
})
