/** Example mini program, rendered by WeChat's simulator, against the real server. */

import assert from 'node:assert/strict'
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { waitUntil } from './support/device.js'
import { Programs } from './support/programs.js'
import { Simulator } from './support/simulator.js'
import { User } from './support/user.js'

const EXAMPLE = join(__dirname, '../../../../examples/miniprogram')
const COPY = join(__dirname, '../example')

let programs: Programs
let user: User
let simulator: Simulator

before(async () => {
  programs = await Programs.start()
  user = User.alice(programs)
  rmSync(COPY, { recursive: true, force: true })
  cpSync(EXAMPLE, COPY, { recursive: true })
  // Node looks for packages in node_modules, WeChat in miniprogram_npm.
  renameSync(join(COPY, 'miniprogram_npm'), join(COPY, 'node_modules'))
  const config = join(COPY, 'config.js')
  const adjusted = readFileSync(config, 'utf8')
    .replace('http://127.0.0.1:2020', programs.serverUrl)
    .replace('http://127.0.0.1:2021', programs.sandboxUrl)
  writeFileSync(config, adjusted)
  simulator = new Simulator(user.phone, COPY)
  simulator.launch()
})
after(() => programs?.stop())

test('the files for the WeChat developer tools are complete', () => {
  const app = JSON.parse(readFileSync(join(EXAMPLE, 'app.json'), 'utf8'))
  for (const page of app.pages) {
    for (const extension of ['js', 'json', 'wxml', 'wxss'])
      assert.ok(readFileSync(join(EXAMPLE, `${page}.${extension}`)))
  }
  assert.ok(JSON.parse(readFileSync(join(EXAMPLE, 'project.config.json'), 'utf8')).appid)
})

test('without a session the login page opens, and asks for privacy consent before any request', async () => {
  simulator.open('pages/profile/profile')
  assert.deepEqual(simulator.log, ['redirectTo /pages/login/login'])
  const page = simulator.open('pages/login/login')
  assert.ok(page.text.includes('《会员隐私保护指引》'))
  assert.ok(!page.has('.phone'))
  page.dispatch('.link', 'tap')
  await waitUntil(() => simulator.log.at(-1) === 'contract')
  page.dispatch('.agree', 'agreeprivacyauthorization')
  await waitUntil(() => page.has('.phone'))
  assert.equal(user.network.deliveries.length, 0)
})

test('login with a phone number, and change of nickname and avatar', async () => {
  simulator.needsPrivacyConsent = false
  simulator.log.length = 0
  const login = simulator.open('pages/login/login')
  login.dispatch('.phone', 'getphonenumber', { errMsg: 'getPhoneNumber:fail user deny' })
  await waitUntil(() => !login.data.busy)
  assert.equal(login.data.problem, '')
  login.dispatch('.phone', 'getphonenumber', (await user.tapPhoneButton()).detail)
  await waitUntil(() => simulator.log.length === 2)
  assert.match(simulator.log[0]!, /^toast 欢迎，.+8000$/)
  assert.equal(simulator.log[1], 'reLaunch /pages/profile/profile')

  const profile = simulator.open('pages/profile/profile')
  await profile.shown
  assert.ok(profile.text.includes('138******00'), profile.text)
  profile.dispatch('.name', 'submit', { value: { nickName: '小明' } })
  await waitUntil(() => profile.data.member.nickName === '小明')
  profile.dispatch('.avatar', 'chooseavatar', { avatarUrl: 'wxfile://tmp/a.png' })
  await waitUntil(() => profile.data.member.avatar === 'wxfile://tmp/a.png')
  profile.dispatch('.name', 'submit', { value: { nickName: '  ' } })
  await waitUntil(() => profile.data.problem !== '')
  assert.ok(profile.text.includes('请求参数有误'), profile.text)
})

test('logout opens the login page, and login without a phone number finds the same member', async () => {
  simulator.log.length = 0
  const profile = simulator.open('pages/profile/profile')
  await profile.shown
  profile.dispatch('.logout', 'tap')
  await waitUntil(() => simulator.log.length === 1)
  assert.equal(simulator.log[0], 'reLaunch /pages/login/login?why=')
  const login = simulator.open('pages/login/login', { why: '' })
  login.dispatch('.silent', 'tap')
  await waitUntil(() => simulator.log.length === 3)
  assert.equal(simulator.log[1], 'toast 欢迎回来，小明')
})

test('erasure asks for confirmation, and the next login creates a new member', async () => {
  simulator.log.length = 0
  const profile = simulator.open('pages/profile/profile')
  await profile.shown
  simulator.confirms = false
  profile.dispatch('.erase', 'tap')
  await waitUntil(() => simulator.log.length === 1)
  assert.match(simulator.log[0]!, /^modal .*无法恢复/)
  simulator.confirms = true
  profile.dispatch('.erase', 'tap')
  await waitUntil(() => simulator.log.length === 3)
  assert.equal(simulator.log[2], 'reLaunch /pages/login/login?why=')
  const login = simulator.open('pages/login/login')
  login.dispatch('.silent', 'tap')
  await waitUntil(() => simulator.log.length === 5)
  assert.match(simulator.log[3]!, /^toast 欢迎，/)
  const newProfile = simulator.open('pages/profile/profile')
  await newProfile.shown
  assert.ok(newProfile.has('.bind'))
  newProfile.dispatch('.bind', 'getphonenumber', (await user.tapPhoneButton()).detail)
  await waitUntil(() => newProfile.data.member.phone === '138******00')
})

test('the profile page reports an unreachable service', async () => {
  await programs.killServer()
  const profile = simulator.open('pages/profile/profile')
  await profile.shown
  assert.ok(profile.text.includes('网络不给力'), profile.text)
})
