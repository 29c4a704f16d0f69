/** The work of administrators at the console, and what becomes of it. */

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { confirm, go, lines, Office, PASSWORD, says, signIn } from './console/office.js'
import { withBrowser } from './support/browser.js'

let office: Office

withBrowser()

before(async () => {
  office = await Office.open()
})

test('a member is found, seen whole, banned, let in again and logged out, each on record', async () => {
  const visitor = await office.desk('operator')
  const { page } = visitor
  await go(page, '/members')
  await page.getByRole('searchbox').fill('138******02')
  await page.keyboard.press('Enter')
  await page.getByText('1 member found').waitFor()
  assert.ok(!page.url().includes('138'), 'what is searched for is in no address')
  await page.locator('tbody a').click()
  await page.getByRole('button', { name: 'Show whole number' }).click()
  await confirm(page)
  assert.equal(await page.innerText('output'), '+8613800000002')
  await page.getByRole('button', { name: 'Ban' }).click()
  assert.ok(await page.locator('dialog [type=submit]').isDisabled(), 'a ban takes a reason')
  await page.getByLabel('Reason').fill('<b>刷单</b>')
  await confirm(page)
  await says(page, 'The member is banned.')
  await page.getByText('<b>刷单</b>').waitFor()
  assert.equal(await office.try('user2'), 403)
  await page.getByRole('button', { name: 'Lift the ban' }).click()
  await page.getByLabel('Reason').fill('申诉通过')
  await confirm(page)
  await page.getByRole('button', { name: 'Ban' }).waitFor()
  for (let nth = 0; nth < 2; nth++) assert.equal(await office.try('user2'), 200)
  await page.reload()
  await page.getByRole('button', { name: 'End all sessions' }).click()
  await confirm(page)
  await page.getByText('Not logged in anywhere.').waitFor()
  await page.getByText('Sessions ended').waitFor()
  const history = await page.locator('.event').allInnerTexts()
  assert.deepEqual(history, [
    'Sessions ended',
    'Logged in',
    'Logged in',
    'Ban lifted',
    'Login refused',
    'Banned',
    'Whole phone number shown',
    'Became a member',
  ])
  await visitor.leave()
})

test('an erasure takes a second look', async () => {
  const id = await office.register('gone soon')
  const visitor = await office.desk('admin', [/status of 404/])
  const { page } = visitor
  await go(page, `/members/${id}`)
  await page.getByRole('button', { name: 'Erase' }).click()
  const erase = page.locator('dialog [type=submit]')
  for (const typed of ['', 'gone soon', id.slice(-5)]) {
    await page.locator('dialog input').fill(typed)
    assert.ok(await erase.isDisabled(), typed)
  }
  await page.locator('dialog input').fill(id.slice(-6))
  await confirm(page)
  await says(page, 'The member is erased.')
  await go(page, `/members/${id}`)
  await page.getByText('There is no such member.').waitFor()
  await go(page, '/record')
  await page.getByLabel('What happened').selectOption('erased')
  await page.getByRole('button', { name: 'Filter' }).click()
  assert.match((await lines(page, 1))[0]!, /Erased.*admin \(you\)/s)
  await visitor.leave()
})

test('an app is added, changed, given another secret, disabled and removed', async () => {
  const visitor = await office.desk('admin', [/status of 409/])
  const { page } = visitor
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  await go(page, '/apps')
  const add = async (name: string) => {
    await press('Add an app')
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('WeChat app id').fill('wx9b1f4c7d2e8a6035')
    await page.getByLabel('App secret').fill('fedcba9876543210fedcba9876543210')
    await page.click('dialog [type=submit]')
  }
  await add('main')
  await page.getByText('This app stands in the configuration').waitFor()
  await press('Cancel')
  await add('shop')
  await says(page, 'The app is added.')
  await page.getByLabel('Every member must have a phone number').check()
  await page.getByLabel('Access token lasts, in seconds').fill('600')
  await press('Save')
  await says(page, 'Saved. It holds from the next login.')
  await page.reload()
  assert.equal(await page.getByLabel('Access token lasts, in seconds').inputValue(), '600')
  assert.ok(await page.getByLabel('Every member must have a phone number').isChecked())
  await press('Change the secret')
  await page.getByLabel('New secret').fill('0123456789abcdef')
  await confirm(page)
  await page.getByText('Secret is being changed').waitFor()
  await press('Take the new secret back')
  await confirm(page)
  await press('Set up pushes')
  await page.getByLabel('Token', { exact: true }).fill('aTokenForPushes')
  await confirm(page)
  await page.getByText('WeChat’s pushes are taken.').waitFor()
  await press('Disable')
  await confirm(page)
  await press('Remove')
  await page.locator('dialog input').fill('shop')
  await confirm(page)
  await says(page, 'The app is removed.')
  assert.match((await lines(page, 1))[0]!, /^main/)
  await visitor.leave()
})

test('who is invited comes in, and who is shut out is out at once', async () => {
  const admin = await office.desk('admin')
  await go(admin.page, '/admins')
  await admin.page.getByRole('button', { name: 'Invite somebody' }).click()
  await admin.page.getByLabel('Name').fill('zoe@example.com')
  await admin.page.getByLabel('Operator').check()
  await admin.page.click('dialog [type=submit]')
  const code = await admin.page.locator('.secret').innerText()
  await admin.page.getByRole('button', { name: 'Close' }).click()

  const zoe = await office.door(undefined, [/status of 401/])
  await zoe.page.getByRole('link', { name: 'I was invited' }).click()
  await zoe.page.getByLabel('Name').fill('zoe@example.com')
  await zoe.page.getByLabel('Code').fill(code)
  await zoe.page.getByLabel('New password').fill(PASSWORD)
  await zoe.page.click('[type=submit]')
  await zoe.page.getByText('The password is set.').waitFor()
  await signIn(zoe.page, 'zoe@example.com', 'a long password of theirs')
  await zoe.page.getByText('Name or password is wrong').waitFor()
  await signIn(zoe.page, 'zoe@example.com')
  await zoe.page.waitForSelector('.tiles')

  await admin.page.getByRole('button', { name: 'Shut out zoe@example.com' }).click()
  await confirm(admin.page)
  await says(admin.page, 'They are shut out.')
  await zoe.page.getByRole('link', { name: 'Keys' }).click()
  await zoe.page.getByText('You were signed out.').waitFor()
  assert.equal(await zoe.page.innerText('h1'), 'Sign in')
  await admin.leave()
  await zoe.leave()
})

test('the keyboard is enough', async () => {
  const visitor = await office.door()
  const { page } = visitor
  await page.getByLabel('Name').focus()
  await page.keyboard.type('admin')
  await page.keyboard.press('Tab')
  await page.keyboard.type(PASSWORD)
  await page.keyboard.press('Enter')
  await page.waitForSelector('.tiles')
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '')
  const tabTo = async (name: string) => {
    for (let nth = 0; nth < 40 && !(await focused()).startsWith(name); nth++) await page.keyboard.press('Tab')
    assert.ok((await focused()).startsWith(name), `${name} is not reached`)
  }
  await tabTo('Members')
  await page.keyboard.press('Enter')
  await page.waitForSelector('tbody a')
  await tabTo('小小明')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.event')
  await tabTo('Ban')
  await page.keyboard.press('Enter')
  await page.waitForSelector('dialog[open]')
  await page.keyboard.press('Escape')
  await page.waitForSelector('dialog', { state: 'detached' })
  assert.equal(await focused(), 'Ban', 'the focus is back where it was')
  await visitor.leave()
})
