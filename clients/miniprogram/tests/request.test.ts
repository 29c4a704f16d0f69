/** Requests with a token, and what becomes of the session. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMenshen, type Envelope, type MemberData, type MenshenError } from 'menshen-miniprogram'
import { device, hurry, idle, loggedIn, LOGIN, phoneEvent, until } from './support/device.js'
import { done, failed, type Scripted } from './support/transport.js'

const expired = failed(401, 'token_expired')
const revoked = failed(401, 'session_revoked')
const me = done({ memberId: 'm1', nickName: '小明' })
const renewed = done({ token: 't2', refreshToken: 'r2', expiresIn: 7200 })
const again = done({ ...LOGIN, token: 't3', refreshToken: 'r3' })

const bearers = (requests: { headers: Record<string, string> }[]) =>
  requests.map(({ headers }) => headers['Authorization'])

test('a request bears the token and answers as wx.request does', async () => {
  const { menshen, service } = await loggedIn()
  service.on('GET /me?a=1', me)
  const { data, statusCode } = await menshen.request<Envelope<MemberData>>({ url: '/me', data: { a: 1 } })
  assert.equal(statusCode, 200)
  assert.equal(data.data.nickName, '小明')
  assert.deepEqual(bearers(service.log), ['Bearer t1'])
})

test('what else wx.request takes is handed on, and the caller’s headers stay', async () => {
  const { menshen, service } = await loggedIn()
  service.on('POST /orders', { status: 201, body: '[]' })
  const header = { 'X-Shop': '7' }
  const { data } = await menshen.request({
    url: '/orders',
    method: 'POST',
    header,
    data: 'text',
    dataType: 'text',
  })
  assert.equal(data, '[]')
  assert.equal(service.log[0]!.headers['X-Shop'], '7')
  assert.equal(service.log[0]!.body, 'text')
  assert.deepEqual(header, { 'X-Shop': '7' })
})

test('callbacks are called back, as by wx.request', async () => {
  const { menshen, service } = await loggedIn()
  service.on('GET /me', me, failed(404, 'not_found'))
  const heard: string[] = []
  const callbacks = {
    success: ({ statusCode }: { statusCode: number }) => heard.push(`success ${statusCode}`),
    fail: ({ errMsg }: { errMsg: string }) => heard.push(`fail ${errMsg}`),
    complete: () => heard.push('complete'),
  }
  await menshen.request({ url: '/me', ...callbacks })
  await menshen.request({ url: '/me', ...callbacks }).catch(() => {})
  assert.deepEqual(heard, ['success 200', 'complete', 'fail 出错了：not_found', 'complete'])
})

test('the token goes to the service and to yours, and to nobody else', async () => {
  const { menshen, service } = await loggedIn({ services: ['https://shop.example.com/api/'] })
  service.on('GET https://shop.example.com/api/orders', { status: 200 })
  service.on('GET /me', me)
  await menshen.request({ url: 'https://shop.example.com/api/orders' })
  await menshen.request({ url: 'https://member.example.com/me' })
  const foreign = [
    'https://evil.example.com/me',
    'https://member.example.com.evil.org/',
    'https://shop.example.com/apis',
    '//evil.example.com',
  ]
  for (const url of foreign)
    await assert.rejects(menshen.request({ url }), { name: 'TypeError', message: /would be given away/ })
  await assert.rejects(menshen.uploadFile({ url: foreign[0]!, filePath: 'a', name: 'b' }), TypeError)
  assert.equal(service.log.length, 2)
})

test('without a session nothing is asked, for nobody has said that they want to log in', async () => {
  const { menshen, service, phone } = device()
  await assert.rejects(menshen.request({ url: '/me' }), { id: 'unauthenticated', message: '请先登录' })
  assert.equal(service.log.length, 0)
  assert.equal(phone.logins.calls, 0)
})

test('a request waits for the login under way, and shares its failure', async () => {
  const { menshen, service } = device()
  service.on('GET /me', me)
  const login = menshen.login()
  await menshen.request({ url: '/me' })
  await login
  const { menshen: banned, service: strict } = device()
  strict.on('POST /login', failed(403, 'member_banned'))
  const refused = banned.login().catch(() => {})
  await assert.rejects(banned.request({ url: '/me' }), { id: 'member_banned' })
  await refused
})

test('a session outlives a restart of the mini program', async () => {
  const { service, phone } = await loggedIn()
  service.on('GET /me', me)
  const restarted = createMenshen({ baseUrl: 'https://member.example.com/', wx: phone.wx })
  assert.ok(restarted.loggedIn)
  await restarted.request({ url: '/me' })
  assert.deepEqual(bearers(service.log), ['Bearer t1'])
})

test('a full storage costs a session at the restart, and no login', async () => {
  const { phone, service } = device()
  const wx = {
    ...phone.wx,
    setStorageSync: () => {
      throw new Error('exceed max size')
    },
  }
  const menshen = createMenshen({ baseUrl: 'https://member.example.com', wx })
  service.on('GET /me', me)
  await menshen.login()
  await menshen.request({ url: '/me' })
  assert.equal(phone.storage.size, 0)
})

test('ten requests with an expired token are one refresh, and each is sent once more', async () => {
  const { menshen, service } = await loggedIn()
  service.on('GET /me', ...Array.from({ length: 10 }, () => expired), me)
  service.on('POST /token/refresh', renewed)
  await Promise.all(Array.from({ length: 10 }, () => menshen.request({ url: '/me' })))
  assert.deepEqual(
    service.sent('POST /token/refresh').map(({ json }) => json),
    [{ refreshToken: 'r1' }],
  )
  assert.deepEqual(bearers(service.sent('GET /me')), [
    ...Array(10).fill('Bearer t1'),
    ...Array(10).fill('Bearer t2'),
  ])
})

test('a token that was refused late is not refreshed again', async () => {
  const { menshen, service } = await loggedIn()
  let refuse = (_: Scripted) => {}
  service.on('GET /slow', new Promise((resolve) => (refuse = resolve)), me).on('GET /me', expired, me)
  service.on('POST /token/refresh', renewed)
  const slow = menshen.request({ url: '/slow' })
  await menshen.request({ url: '/me' })
  refuse(expired)
  await slow
  assert.equal(service.sent('POST /token/refresh').length, 1)
  assert.deepEqual(bearers(service.sent('GET /slow')), ['Bearer t1', 'Bearer t2'])
})

test('a refresh whose answer was lost is sent again with the same token', async (t) => {
  hurry(t)
  const { menshen, service, phone } = await loggedIn()
  service.on('GET /me', expired, me).on('POST /token/refresh', 'lost', 'lost', renewed)
  await menshen.request({ url: '/me' })
  assert.deepEqual(
    service.sent('POST /token/refresh').map(({ json }) => json.refreshToken),
    ['r1', 'r1', 'r1'],
  )
  assert.deepEqual(JSON.parse(phone.storage.get('menshen')!), { token: 't2', refreshToken: 'r2' })
})

test('when the session has ended, one login for all takes its place without a word', async () => {
  const { menshen, service, phone } = await loggedIn()
  const ends: unknown[] = []
  menshen.onSessionEnd((why) => ends.push(why))
  service
    .on('GET /me', revoked, revoked, revoked, me)
    .on('POST /token/refresh', revoked)
    .on('POST /login', again)
  await Promise.all([1, 2, 3].map(() => menshen.request({ url: '/me' })))
  assert.equal(service.sent('POST /token/refresh').length, 1)
  assert.equal(service.sent('POST /login').length, 1)
  assert.equal(phone.logins.calls, 2)
  assert.deepEqual(bearers(service.sent('GET /me')).slice(3), Array(3).fill('Bearer t3'))
  assert.deepEqual(ends, [])
})

test('a token that is refused after a refresh is followed by one login, and then by the refusal', async () => {
  const { menshen, service } = await loggedIn()
  service.on('GET /me', expired).on('POST /token/refresh', renewed).on('POST /login', again)
  await assert.rejects(menshen.request({ url: '/me' }), { id: 'token_expired', status: 401 })
  assert.deepEqual(
    service.log.map(({ route }) => route),
    ['GET /me', 'POST /token/refresh', 'GET /me', 'POST /login', 'GET /me'],
  )
})

test('another service that refuses a fresh token causes no login', async () => {
  const { menshen, service, phone } = await loggedIn({ services: ['https://shop.example.com'] })
  service
    .on('GET https://shop.example.com/orders', { status: 401, body: 'no' })
    .on('POST /token/refresh', renewed)
  const refused = menshen.request({ url: 'https://shop.example.com/orders' })
  await assert.rejects(refused, { id: 'unexpected_answer', status: 401 })
  assert.equal(phone.logins.calls, 1)
})

test('a silent login that is refused ends the session, and the page hears why', async () => {
  const { menshen, service, phone } = await loggedIn()
  const ends: (MenshenError | undefined)[] = []
  menshen.onSessionEnd((why) => ends.push(why))
  service
    .on('GET /me', revoked)
    .on('POST /token/refresh', revoked)
    .on('POST /login', failed(403, 'user_blocked'))
  await assert.rejects(Promise.all([1, 2].map(() => menshen.request({ url: '/me' }))), { id: 'user_blocked' })
  await idle()
  assert.deepEqual(
    ends.map((why) => why?.id),
    ['user_blocked'],
  )
  assert.ok(!menshen.loggedIn)
  assert.equal(phone.storage.size, 0)
})

test('a silent login that could not be made now leaves the session, to try again with', async (t) => {
  hurry(t)
  const { menshen, service } = await loggedIn()
  const ends: unknown[] = []
  menshen.onSessionEnd((why) => ends.push(why))
  service
    .on('GET /me', revoked, revoked, me)
    .on('POST /token/refresh', revoked)
    .on('POST /login', ...Array<Scripted>(5).fill('lost'), again)
  await assert.rejects(menshen.request({ url: '/me' }), { id: 'no_answer' })
  assert.ok(menshen.loggedIn)
  await menshen.request({ url: '/me' })
  assert.deepEqual(ends, [])
})

test('a member who is banned has no session any more', async () => {
  for (const route of ['GET /me', 'POST /token/refresh']) {
    const { menshen, service } = await loggedIn()
    const ends: (MenshenError | undefined)[] = []
    menshen.onSessionEnd((why) => ends.push(why))
    service.on('GET /me', expired).on(route, failed(403, 'member_banned'))
    await assert.rejects(menshen.request({ url: '/me' }), { id: 'member_banned' })
    assert.deepEqual(
      ends.map((why) => why?.id),
      ['member_banned'],
    )
  }
})

test('a request without an answer is sent again where that does no harm', async (t) => {
  hurry(t)
  const { menshen, service } = await loggedIn()
  service.on('GET /me', 'lost', me).on('POST /orders', 'lost', { status: 200 }).on('POST /me', 'lost', me)
  await menshen.request({ url: '/me' })
  await assert.rejects(menshen.request({ url: '/orders', method: 'POST' }), { id: 'no_answer' })
  await menshen.request({ url: '/me', method: 'POST', data: { nickName: '小明' }, idempotent: true })
  assert.deepEqual(
    service.log.map(({ route }) => route),
    ['GET /me', 'GET /me', 'POST /orders', 'POST /me', 'POST /me'],
  )
})

test('what was refused for too many is sent again after the wait, whatever it is', async (t) => {
  const waits = hurry(t)
  const { menshen, service } = await loggedIn()
  service.on('POST /orders', failed(429, 'rate_limited', {}, { 'retry-after': '3' }), { status: 201 })
  await menshen.request({ url: '/orders', method: 'POST' })
  assert.deepEqual(waits, [3])
})

test('a failure of another service is told with its status', async () => {
  const { menshen, service } = await loggedIn()
  service.on('GET /orders', { status: 418, body: { message: 'a teapot' } }, { status: 500 })
  await assert.rejects(menshen.request({ url: '/orders' }), { id: 'unexpected_answer', status: 418 })
  await assert.rejects(menshen.request({ url: '/orders' }), { id: 'unexpected_answer', status: 500 })
})

test('files go up with the token too, and failures are read from the text', async () => {
  const { menshen, service } = await loggedIn({ services: ['https://files.example.com'] })
  const route = 'POST https://files.example.com/'
  service
    .on(route, expired, { status: 200, body: '{"url":"https://img.example.com/a.png"}' })
    .on('POST /token/refresh', renewed)
  const upload = { url: 'https://files.example.com/', filePath: 'wxfile://a.png', name: 'file' }
  const { data } = await menshen.uploadFile(upload)
  assert.equal(data, '{"url":"https://img.example.com/a.png"}')
  assert.deepEqual(bearers(service.sent(route)), ['Bearer t1', 'Bearer t2'])
})

test('a phone number is bound with the button’s code, once', async () => {
  const { menshen, service } = await loggedIn()
  service.on('PUT /me/phone', me, 'lost')
  assert.equal((await menshen.bindPhone(phoneEvent('phone1'))).nickName, '小明')
  assert.deepEqual(service.log[0]!.json, { phoneCode: 'phone1' })
  await assert.rejects(menshen.bindPhone(phoneEvent()), { id: 'phone_declined' })
  await assert.rejects(menshen.bindPhone(phoneEvent('phone2')), { id: 'no_answer' })
  assert.equal(service.log.length, 2)
})

test('a logout ends the session here at once and then at the service', async () => {
  const { menshen, service, phone } = await loggedIn()
  const ends: unknown[] = []
  menshen.onSessionEnd((why) => ends.push(why))
  service.on('POST /logout', done({})).on('POST /logout/all', done({}))
  const logout = menshen.logout()
  await until(() => !menshen.loggedIn)
  await logout
  assert.equal(phone.storage.size, 0)
  assert.deepEqual(bearers(service.log), ['Bearer t1'])
  assert.deepEqual(ends, [undefined])
  await assert.rejects(menshen.request({ url: '/me' }), { id: 'unauthenticated' })
  await menshen.logout()
  await menshen.login()
  await menshen.logout({ everywhere: true })
  assert.deepEqual(
    service.log.map(({ route }) => route),
    ['POST /logout', 'POST /login', 'POST /logout/all'],
  )
})

test('a logout during a login ends the session that it brings', async () => {
  const { menshen, service } = device()
  service.on('POST /logout', done({}))
  const login = menshen.login()
  await menshen.logout()
  await login
  assert.ok(!menshen.loggedIn)
  assert.deepEqual(bearers(service.sent('POST /logout')), ['Bearer t1'])
})

test('a logout with an expired token still reaches the service', async () => {
  const { menshen, service } = await loggedIn()
  service.on('POST /logout', expired, done({})).on('POST /token/refresh', renewed)
  await menshen.logout()
  assert.deepEqual(bearers(service.sent('POST /logout')), ['Bearer t1', 'Bearer t2'])
  assert.ok(!menshen.loggedIn)
})

test('a logout of a session that has ended is done', async () => {
  const { menshen, service } = await loggedIn()
  service.on('POST /logout', revoked)
  await menshen.logout()
  await menshen.login()
  service.on('POST /logout', expired).on('POST /token/refresh', revoked)
  await menshen.logout()
})

test('a logout that the service did not hear of ends the session here, and says so', async (t) => {
  hurry(t)
  const { menshen, service } = await loggedIn()
  service.on('POST /logout', 'lost')
  await assert.rejects(menshen.logout(), { id: 'no_answer' })
  assert.ok(!menshen.loggedIn)
})

test('who logs out while a token is refreshed stays logged out', async () => {
  const { menshen, service, phone } = await loggedIn()
  let refresh = (_: Scripted) => {}
  service.on('GET /me', expired).on('POST /logout', done({}))
  service.on('POST /token/refresh', new Promise((resolve) => (refresh = resolve)))
  const request = menshen.request({ url: '/me' }).catch((error) => error)
  await until(() => service.sent('POST /token/refresh').length === 1)
  await menshen.logout()
  refresh(renewed)
  assert.equal((await request).id, 'unauthenticated')
  assert.equal(service.sent('GET /me').length, 1)
  assert.ok(!menshen.loggedIn)
  assert.equal(phone.storage.size, 0)
  assert.equal(phone.logins.calls, 1)
})

test('logging out everywhere and erasing go on when the session has ended meanwhile', async () => {
  for (const [end, route] of [
    ['logout', 'POST /logout/all'],
    ['erase', 'DELETE /me'],
  ] as const) {
    const { menshen, service } = await loggedIn()
    service.on(route, revoked, done({})).on('POST /token/refresh', revoked).on('POST /login', again)
    await menshen[end]({ everywhere: true })
    assert.deepEqual(bearers(service.sent(route)), ['Bearer t1', 'Bearer t3'])
    assert.ok(!menshen.loggedIn)
  }
})

test('an erasure whose every answer is lost is known to have been made', async (t) => {
  hurry(t)
  const { menshen, service, phone } = await loggedIn()
  service
    .on('DELETE /me', 'lost', revoked, 'lost', revoked)
    .on('POST /token/refresh', revoked)
    .on('POST /login', again)
  await menshen.erase()
  assert.ok(!menshen.loggedIn)
  assert.equal(phone.storage.size, 0)
})

test('an erasure that the service did not hear of is no erasure', async (t) => {
  hurry(t)
  const { menshen, service } = await loggedIn()
  service.on('DELETE /me', 'lost')
  await assert.rejects(menshen.erase(), { id: 'no_answer' })
  assert.ok(menshen.loggedIn)
})

test('what leaves no session is not asked for in passing', async () => {
  const { menshen, service } = await loggedIn()
  const calls = {
    'DELETE /me': 'erase()',
    'POST /logout': 'logout()',
    'POST https://member.example.com/logout/all': 'everywhere',
  }
  for (const [route, hint] of Object.entries(calls)) {
    const [method, url] = route.split(' ') as ['DELETE' | 'POST', string]
    await assert.rejects(menshen.request({ method, url }), ({ message }: Error) => message.includes(hint))
  }
  assert.equal(service.log.length, 0)
})

test('a listener that was taken off hears nothing', async () => {
  const { menshen, service } = await loggedIn()
  service.on('POST /logout', done({}))
  const heard: unknown[] = []
  menshen.onSessionEnd((why) => heard.push(why))()
  await menshen.logout()
  assert.deepEqual(heard, [])
})
