/** The example, as it is, in WeChat's simulator and against the real server. */

import assert from 'node:assert/strict'
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { until } from './support/device.js'
import { Person } from './support/person.js'
import { Programs } from './support/programs.js'
import { Simulator } from './support/simulator.js'

const EXAMPLE = join(__dirname, '../../../../examples/miniprogram')
const COPY = join(__dirname, '../example')

let programs: Programs
let person: Person
let simulator: Simulator

before(async () => {
  programs = await Programs.start()
  person = Person.alice(programs)
  rmSync(COPY, { recursive: true, force: true })
  cpSync(EXAMPLE, COPY, { recursive: true })
  // Node finds packages under another name than WeChat.
  renameSync(join(COPY, 'miniprogram_npm'), join(COPY, 'node_modules'))
  const config = join(COPY, 'config.js')
  const moved = readFileSync(config, 'utf8')
    .replace('http://127.0.0.1:2020', programs.serverUrl)
    .replace('http://127.0.0.1:2021', programs.sandboxUrl)
  writeFileSync(config, moved)
  simulator = new Simulator(person.phone, COPY)
  simulator.launch()
})
after(() => programs?.stop())

test('what the developer tools read is there', () => {
  const app = JSON.parse(readFileSync(join(EXAMPLE, 'app.json'), 'utf8'))
  for (const page of app.pages) {
    for (const ending of ['js', 'json', 'wxml', 'wxss'])
      assert.ok(readFileSync(join(EXAMPLE, `${page}.${ending}`)))
  }
  assert.ok(JSON.parse(readFileSync(join(EXAMPLE, 'project.config.json'), 'utf8')).appid)
})

test('who is not logged in is sent to the login page, and agrees there before anything is asked', async () => {
  simulator.open('pages/profile/profile')
  assert.deepEqual(simulator.log, ['redirectTo /pages/login/login'])
  const page = simulator.open('pages/login/login')
  assert.ok(page.text.includes('《会员隐私保护指引》'))
  assert.ok(!page.has('.phone'))
  page.does('.link', 'tap')
  await until(() => simulator.log.at(-1) === 'contract')
  page.does('.agree', 'agreeprivacyauthorization')
  await until(() => page.has('.phone'))
  assert.equal(person.network.delivered.length, 0)
})

test('who logs in with their number is welcomed, sees it and changes their name and picture', async () => {
  simulator.needsAgreement = false
  simulator.log.length = 0
  const login = simulator.open('pages/login/login')
  login.does('.phone', 'getphonenumber', { errMsg: 'getPhoneNumber:fail user deny' })
  await until(() => !login.data.busy)
  assert.equal(login.data.problem, '')
  login.does('.phone', 'getphonenumber', (await person.tap()).detail)
  await until(() => simulator.log.length === 2)
  assert.match(simulator.log[0]!, /^toast 欢迎，.+8000$/)
  assert.equal(simulator.log[1], 'reLaunch /pages/profile/profile')

  const profile = simulator.open('pages/profile/profile')
  await profile.shown
  assert.ok(profile.text.includes('138******00'), profile.text)
  profile.does('.name', 'submit', { value: { nickName: '小明' } })
  await until(() => profile.data.member.nickName === '小明')
  profile.does('.avatar', 'chooseavatar', { avatarUrl: 'wxfile://tmp/a.png' })
  await until(() => profile.data.member.avatar === 'wxfile://tmp/a.png')
  profile.does('.name', 'submit', { value: { nickName: '  ' } })
  await until(() => profile.data.problem !== '')
  assert.ok(profile.text.includes('请求参数有误'), profile.text)
})

test('who logs out sees the login page, and comes back as the same member without their number', async () => {
  simulator.log.length = 0
  const profile = simulator.open('pages/profile/profile')
  await profile.shown
  profile.does('.logout', 'tap')
  await until(() => simulator.log.length === 1)
  assert.equal(simulator.log[0], 'reLaunch /pages/login/login?why=')
  const login = simulator.open('pages/login/login', { why: '' })
  login.does('.silent', 'tap')
  await until(() => simulator.log.length === 3)
  assert.equal(simulator.log[1], 'toast 欢迎回来，小明')
})

test('who has their account erased is asked first, and is new afterwards', async () => {
  simulator.log.length = 0
  const profile = simulator.open('pages/profile/profile')
  await profile.shown
  simulator.confirms = false
  profile.does('.erase', 'tap')
  await until(() => simulator.log.length === 1)
  assert.match(simulator.log[0]!, /^modal .*无法恢复/)
  simulator.confirms = true
  profile.does('.erase', 'tap')
  await until(() => simulator.log.length === 3)
  assert.equal(simulator.log[2], 'reLaunch /pages/login/login?why=')
  const login = simulator.open('pages/login/login')
  login.does('.silent', 'tap')
  await until(() => simulator.log.length === 5)
  assert.match(simulator.log[3]!, /^toast 欢迎，/)
  const again = simulator.open('pages/profile/profile')
  await again.shown
  assert.ok(again.has('.bind'))
  again.does('.bind', 'getphonenumber', (await person.tap()).detail)
  await until(() => again.data.member.phone === '138******00')
})

test('when the service is not there, the page says so', async () => {
  await programs.killServer()
  const profile = simulator.open('pages/profile/profile')
  await profile.shown
  assert.ok(profile.text.includes('网络不给力'), profile.text)
})
