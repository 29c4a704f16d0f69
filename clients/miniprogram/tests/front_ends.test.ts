/** Front ends that were written without this package, run as they are against the real server. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { Person } from './support/person.js'
import { Programs } from './support/programs.js'
import { until } from './support/device.js'

const FRONT_ENDS = join(__dirname, '../../tests/front_ends')

let programs: Programs
before(async () => {
  programs = await Programs.start()
})
after(() => programs?.stop())

/** Runs a script of a mini program on somebody's phone; returns what it gave to `App`, `Page` or `module`. */
function run(person: Person, script: string): any {
  let given: any
  const take = (options: any) => (given = options)
  const pages: string[] = []
  const wx = {
    ...person.phone.wx,
    navigateTo: ({ url }: { url: string }) => pages.push(url),
    navigateBack: () => pages.push('back'),
    showToast: ({ title }: { title: string }) => pages.push(title),
  }
  const module = { exports: {} as any }
  const globals = createContext({ wx, BASE_URL: programs.serverUrl, App: take, Page: take, module, console })
  runInContext(readFileSync(join(FRONT_ENDS, script), 'utf8'), globals)
  return { ...(given ?? module.exports), pages }
}

const stored = ({ phone }: Person, key: string) => phone.wx.getStorageSync(key)
const openid = (person: Person) => person.openid()

test('POST /openid', async () => {
  const person = await Person.appear(programs, { loses: false })
  const app = run(person, 'openid.js')
  app.onLaunch()
  await until(() => stored(person, 'openid'))
  assert.equal(stored(person, 'openid'), await openid(person))
  assert.equal(app.globalData.openid, await openid(person))
})

test('GET /external/code_2_wx_openid', async () => {
  const person = await Person.appear(programs, { loses: false })
  run(person, 'external_openid.js')
  await until(() => stored(person, 'openId'))
  assert.equal(stored(person, 'openId'), await openid(person))
})

test('POST /login with a phone code, and the bare token it gives', async () => {
  const person = await Person.appear(programs, { loses: false })
  const page = run(person, 'login.js')
  page.getPhoneNumber({ detail: { errMsg: 'getPhoneNumber:fail user deny' } })
  page.getPhoneNumber(await person.tap())
  await until(() => stored(person, 'token'))
  assert.deepEqual(page.pages, ['back'])
  assert.match(stored(person, 'nickName'), /^[^微]+\d{4}$/, 'a name of its own, not 微信用户')
  const { request, pages } = run(person, 'bare_token.js')
  assert.match((await request({ url: '/me' })).phone, /^137\*/)
  person.phone.wx.setStorageSync('token', 'garbage')
  await assert.rejects(request({ url: '/me' }), { code: 401, error: 'unauthenticated' })
  assert.deepEqual(pages, ['/pages/login/login'])
  assert.equal(stored(person, 'token'), '')
})

test('the way by hand: a lost answer, a renewed token', async (t) => {
  const person = await Person.appear(programs)
  const source = readFileSync(join(FRONT_ENDS, 'by_hand.mjs'), 'utf8')
  const file = join(programs.folder, 'by_hand.mjs')
  writeFileSync(file, source.replace('https://member.example.com', programs.serverUrl))
  const globals = globalThis as { wx?: unknown }
  globals.wx = person.phone.wx
  t.after(() => delete globals.wx)
  const { login, request } = await import(pathToFileURL(file).href)
  const { memberId, token } = await login((await person.tap()).detail.code)
  assert.equal(person.network.answers('POST /login').length, 2, 'the first answer was lost')
  person.network.loses = false
  person.network.expired.add(token)
  const members = await Promise.all([1, 2, 3].map(() => request('GET', '/me')))
  assert.ok(members.every((member) => member.memberId === memberId))
  assert.equal(person.network.answers('POST /token/refresh').length, 1)
})
