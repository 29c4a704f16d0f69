/** Workflows of administrators in the console: members, apps, invitations and the keyboard. */

import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import {
  AdminFixture,
  confirm,
  goTo,
  PASSWORD,
  signIn,
  tableRows,
  waitForNotice,
} from './console/admin_fixture.js'
import { withBrowser } from './support/browser.js'

let fixture: AdminFixture

withBrowser()

before(async () => {
  fixture = await AdminFixture.create()
})

test('actions on a member take effect and appear in the audit log', async () => {
  const user = await fixture.openAs('operator')
  const { page } = user
  await goTo(page, '/members')
  await page.getByRole('searchbox').fill('138******02')
  await page.keyboard.press('Enter')
  await page.getByText('1 member found').waitFor()
  assert.ok(!page.url().includes('138'), 'the search term is not part of the URL')
  await page.locator('tbody a').click()
  await page.getByRole('button', { name: 'Show full number' }).click()
  await confirm(page)
  assert.equal(await page.innerText('output'), '+8613800000002')
  await page.getByRole('button', { name: 'Ban' }).click()
  assert.ok(await page.locator('dialog [type=submit]').isDisabled(), 'a ban needs a reason')
  await page.getByLabel('Reason').fill('<b>刷单</b>')
  await confirm(page)
  await waitForNotice(page, 'The member is banned.')
  await page.getByText('<b>刷单</b>').waitFor()
  assert.equal(await fixture.tryLogin('user2'), 403)
  await page.getByRole('button', { name: 'Lift the ban' }).click()
  await page.getByLabel('Reason').fill('申诉通过')
  await confirm(page)
  await page.getByRole('button', { name: 'Ban' }).waitFor()
  for (let login = 0; login < 2; login++) assert.equal(await fixture.tryLogin('user2'), 200)
  await page.reload()
  await page.getByRole('button', { name: 'End all sessions' }).click()
  await confirm(page)
  await page.getByText('No active sessions.').waitFor()
  await page.getByText('Sessions ended').waitFor()
  const history = await page.locator('.event').allInnerTexts()
  assert.deepEqual(history, [
    'Sessions ended',
    'Logged in',
    'Logged in',
    'Ban lifted',
    'Login refused',
    'Banned',
    'Full phone number shown',
    'Registered',
  ])
  await user.close()
})

test('erasure of a member needs the end of the member id as confirmation', async () => {
  const id = await fixture.registerMember('erased soon')
  const user = await fixture.openAs('admin', [/status of 404/])
  const { page } = user
  await goTo(page, `/members/${id}`)
  await page.getByRole('button', { name: 'Erase' }).click()
  const erase = page.locator('dialog [type=submit]')
  for (const typed of ['', 'erased soon', id.slice(-5)]) {
    await page.locator('dialog input').fill(typed)
    assert.ok(await erase.isDisabled(), typed)
  }
  await page.locator('dialog input').fill(id.slice(-6))
  await confirm(page)
  await waitForNotice(page, 'The member is erased.')
  await goTo(page, `/members/${id}`)
  await page.getByText('This member does not exist').waitFor()
  await goTo(page, '/audit')
  await page.getByLabel('Event').selectOption('erased')
  await page.getByRole('button', { name: 'Filter' }).click()
  assert.match((await tableRows(page, 1))[0]!, /Erased.*admin \(you\)/s)
  await user.close()
})

test('app registration: add, policy, secret rotation, message push, disable and remove', async () => {
  const user = await fixture.openAs('admin', [/status of 409/])
  const { page } = user
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  await goTo(page, '/apps')
  const add = async (name: string) => {
    await press('Add app')
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('WeChat AppID').fill('wx9b1f4c7d2e8a6035')
    await page.getByLabel('AppSecret').fill('fedcba9876543210fedcba9876543210')
    await page.click('dialog [type=submit]')
  }
  await add('main')
  await page.getByText('This app is defined in the configuration file').waitFor()
  await press('Cancel')
  await add('shop')
  await waitForNotice(page, 'The app is added.')
  await page.getByLabel('Phone number required').check()
  await page.getByLabel('Access token lifetime (seconds)').fill('600')
  await press('Save')
  await waitForNotice(page, 'The policy is saved. It takes effect at the next login.')
  await page.reload()
  assert.equal(await page.getByLabel('Access token lifetime (seconds)').inputValue(), '600')
  assert.ok(await page.getByLabel('Phone number required').isChecked())
  await press('Rotate secret')
  await page.getByLabel('New AppSecret').fill('0123456789abcdef')
  await confirm(page)
  await page.getByText('Secret rotation in progress').waitFor()
  await press('Cancel rotation')
  await confirm(page)
  await press('Configure message push')
  await page.getByLabel('Token', { exact: true }).fill('aTokenForPushes')
  await confirm(page)
  await waitForNotice(page, 'Message push is enabled.')
  await page.getByRole('button', { name: 'Disable message push' }).waitFor()
  await press('Disable')
  await confirm(page)
  await press('Remove')
  await page.locator('dialog input').fill('shop')
  await confirm(page)
  await waitForNotice(page, 'The app is removed.')
  assert.match((await tableRows(page, 1))[0]!, /^main/)
  await user.close()
})

test('an invited administrator can sign in, and a deactivated one is signed out at once', async () => {
  const admin = await fixture.openAs('admin')
  await goTo(admin.page, '/admins')
  await admin.page.getByRole('button', { name: 'Invite administrator' }).click()
  await admin.page.getByLabel('Name').fill('zoe@example.com')
  await admin.page.getByLabel('Operator').check()
  await admin.page.click('dialog [type=submit]')
  const code = await admin.page.locator('.secret').innerText()
  await admin.page.getByRole('button', { name: 'Close' }).click()

  const zoe = await fixture.openSignIn(undefined, [/status of 401/])
  await zoe.page.getByRole('link', { name: 'I have an invitation code' }).click()
  await zoe.page.getByLabel('Name').fill('zoe@example.com')
  await zoe.page.getByLabel('Invitation code').fill(code)
  await zoe.page.getByLabel('New password').fill(PASSWORD)
  await zoe.page.click('[type=submit]')
  await zoe.page.getByText('Your password is set.').waitFor()
  await signIn(zoe.page, 'zoe@example.com', 'a wrong long password')
  await zoe.page.getByText('The name or password is wrong').waitFor()
  await signIn(zoe.page, 'zoe@example.com')
  await zoe.page.waitForSelector('.tiles')

  await admin.page.getByRole('button', { name: 'Deactivate zoe@example.com' }).click()
  await confirm(admin.page)
  await waitForNotice(admin.page, 'The administrator is deactivated.')
  await zoe.page.getByRole('link', { name: 'Signing keys' }).click()
  await zoe.page.getByText('Your session has ended.').waitFor()
  assert.equal(await zoe.page.innerText('h1'), 'Sign in')
  await admin.close()
  await zoe.close()
})

test('the console can be operated with the keyboard alone', async () => {
  const user = await fixture.openSignIn()
  const { page } = user
  await page.getByLabel('Name').focus()
  await page.keyboard.type('admin')
  await page.keyboard.press('Tab')
  await page.keyboard.type(PASSWORD)
  await page.keyboard.press('Enter')
  await page.waitForSelector('.tiles')
  const focusedText = () => page.evaluate(() => document.activeElement?.textContent ?? '')
  const tabTo = async (text: string) => {
    for (let tab = 0; tab < 40 && !(await focusedText()).startsWith(text); tab++) {
      await page.keyboard.press('Tab')
    }
    assert.ok((await focusedText()).startsWith(text), `${text} is not reached`)
  }
  await tabTo('Members')
  await page.keyboard.press('Enter')
  await page.waitForSelector('tbody a')
  // The avatar's first character precedes the nickname.
  await tabTo('小小明')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.event')
  await tabTo('Ban')
  await page.keyboard.press('Enter')
  await page.waitForSelector('dialog[open]')
  await page.keyboard.press('Escape')
  await page.waitForSelector('dialog', { state: 'detached' })
  assert.equal(await focusedText(), 'Ban', 'the focus returns to the button that opened the dialog')
  await user.close()
})
