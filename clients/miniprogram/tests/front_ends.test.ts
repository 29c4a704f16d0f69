/** Front ends without this package, as the README shows them, against the real server. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { waitUntil } from './support/device.js'
import { Programs } from './support/programs.js'
import { User } from './support/user.js'

const FRONT_ENDS = join(__dirname, '../../tests/front_ends')

let programs: Programs
before(async () => {
  programs = await Programs.start()
})
after(() => programs?.stop())

/**
 * Runs a script of a mini program on a user's phone. Returns its argument of `App` or `Page`, or its exports,
 * and the log of navigations and toasts.
 */
function run(user: User, script: string): any {
  let registered: any
  const register = (options: any) => (registered = options)
  const pages: string[] = []
  const wx = {
    ...user.phone.wx,
    navigateTo: ({ url }: { url: string }) => pages.push(url),
    navigateBack: () => pages.push('back'),
    showToast: ({ title }: { title: string }) => pages.push(title),
  }
  const module = { exports: {} as any }
  const globals = createContext({
    wx,
    BASE_URL: programs.serverUrl,
    App: register,
    Page: register,
    module,
    console,
  })
  runInContext(readFileSync(join(FRONT_ENDS, script), 'utf8'), globals)
  return { ...(registered ?? module.exports), pages }
}

const stored = ({ phone }: User, key: string) => phone.wx.getStorageSync(key)

test('openid with POST /openid', async () => {
  const user = await User.create(programs, { losesResponses: false })
  const app = run(user, 'openid.js')
  app.onLaunch()
  await waitUntil(() => stored(user, 'openid'))
  assert.equal(stored(user, 'openid'), await user.openid())
  assert.equal(app.globalData.openid, await user.openid())
})

test('openid with GET /external/code_2_wx_openid', async () => {
  const user = await User.create(programs, { losesResponses: false })
  run(user, 'external_openid.js')
  await waitUntil(() => stored(user, 'openId'))
  assert.equal(stored(user, 'openId'), await user.openid())
})

test('login with a phone code, and requests with a token without the Bearer prefix', async () => {
  const user = await User.create(programs, { losesResponses: false })
  const page = run(user, 'login.js')
  page.getPhoneNumber({ detail: { errMsg: 'getPhoneNumber:fail user deny' } })
  page.getPhoneNumber(await user.tapPhoneButton())
  await waitUntil(() => stored(user, 'token'))
  assert.deepEqual(page.pages, ['back'])
  assert.match(stored(user, 'nickName'), /^[^微]+\d{4}$/, 'a generated nickname, not 微信用户')
  const { request, pages } = run(user, 'bare_token.js')
  assert.match((await request({ url: '/me' })).phone, /^137\*/)
  user.phone.wx.setStorageSync('token', 'garbage')
  await assert.rejects(request({ url: '/me' }), { code: 401, error: 'unauthenticated' })
  assert.deepEqual(pages, ['/pages/login/login'])
  assert.equal(stored(user, 'token'), '')
})

test('without the SDK: a login with a lost response, and one refresh of an expired token', async (t) => {
  const user = await User.create(programs)
  const source = readFileSync(join(FRONT_ENDS, 'without_sdk.mjs'), 'utf8')
  const file = join(programs.folder, 'without_sdk.mjs')
  writeFileSync(file, source.replace('https://member.example.com', programs.serverUrl))
  const globals = globalThis as { wx?: unknown }
  globals.wx = user.phone.wx
  t.after(() => delete globals.wx)
  const { login, request } = await import(pathToFileURL(file).href)
  const { memberId, token } = await login((await user.tapPhoneButton()).detail.code)
  assert.equal(user.network.deliveriesOf('POST /login').length, 2, 'the first response was lost')
  user.network.losesResponses = false
  user.network.expiredTokens.add(token)
  const members = await Promise.all([1, 2, 3].map(() => request('GET', '/me')))
  assert.ok(members.every((member) => member.memberId === memberId))
  assert.equal(user.network.deliveriesOf('POST /token/refresh').length, 1)
})
