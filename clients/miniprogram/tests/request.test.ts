/** Authenticated requests, token refresh, logout, erasure and the end of sessions. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMenshen, type Envelope, type MemberData, type MenshenError } from 'menshen-miniprogram'
import {
  createDevice,
  loggedInDevice,
  LOGIN,
  phoneEvent,
  runPendingTasks,
  skipWaits,
  waitUntil,
} from './support/device.js'
import { failure, success, type Scripted } from './support/transport.js'

const expired = failure(401, 'token_expired')
const revoked = failure(401, 'session_revoked')
const me = success({ memberId: 'm1', nickName: '小明' })
const refreshed = success({ token: 't2', refreshToken: 'r2', expiresIn: 7200 })
const loggedInAgain = success({ ...LOGIN, token: 't3', refreshToken: 'r3' })

const authorizations = (requests: { headers: Record<string, string> }[]) =>
  requests.map(({ headers }) => headers['Authorization'])

test('request sends the access token and returns the response of wx.request', async () => {
  const { menshen, service } = await loggedInDevice()
  service.on('GET /me?a=1', me)
  const { data, statusCode } = await menshen.request<Envelope<MemberData>>({ url: '/me', data: { a: 1 } })
  assert.equal(statusCode, 200)
  assert.equal(data.data.nickName, '小明')
  assert.deepEqual(authorizations(service.log), ['Bearer t1'])
})

test('further options of wx.request are passed through, and headers are kept', async () => {
  const { menshen, service } = await loggedInDevice()
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

test('request supports the callbacks of wx.request', async () => {
  const { menshen, service } = await loggedInDevice()
  service.on('GET /me', me, failure(404, 'not_found'))
  const called: string[] = []
  const callbacks = {
    success: ({ statusCode }: { statusCode: number }) => called.push(`success ${statusCode}`),
    fail: ({ errMsg }: { errMsg: string }) => called.push(`fail ${errMsg}`),
    complete: () => called.push('complete'),
  }
  await menshen.request({ url: '/me', ...callbacks })
  await menshen.request({ url: '/me', ...callbacks }).catch(() => {})
  assert.deepEqual(called, ['success 200', 'complete', 'fail 出错了：not_found', 'complete'])
})

test('the access token is sent only to baseUrl and services', async () => {
  const { menshen, service } = await loggedInDevice({ services: ['https://shop.example.com/api/'] })
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
    await assert.rejects(menshen.request({ url }), { name: 'TypeError', message: /must not be sent there/ })
  await assert.rejects(menshen.uploadFile({ url: foreign[0]!, filePath: 'a', name: 'b' }), TypeError)
  assert.equal(service.log.length, 2)
})

test('request without a session fails without a login', async () => {
  const { menshen, service, phone } = createDevice()
  await assert.rejects(menshen.request({ url: '/me' }), { id: 'unauthenticated', message: '请先登录' })
  assert.equal(service.log.length, 0)
  assert.equal(phone.logins.calls, 0)
})

test('request waits for the login in progress, and fails with its error', async () => {
  const { menshen, service } = createDevice()
  service.on('GET /me', me)
  const login = menshen.login()
  await menshen.request({ url: '/me' })
  await login
  const { menshen: banned, service: strict } = createDevice()
  strict.on('POST /login', failure(403, 'member_banned'))
  const failedLogin = banned.login().catch(() => {})
  await assert.rejects(banned.request({ url: '/me' }), { id: 'member_banned' })
  await failedLogin
})

test('the session is kept across a restart of the mini program', async () => {
  const { service, phone } = await loggedInDevice()
  service.on('GET /me', me)
  const restarted = createMenshen({ baseUrl: 'https://member.example.com/', wx: phone.wx })
  assert.ok(restarted.loggedIn)
  await restarted.request({ url: '/me' })
  assert.deepEqual(authorizations(service.log), ['Bearer t1'])
})

test('with a full storage, login succeeds and the session is not stored', async () => {
  const { phone, service } = createDevice()
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

test('concurrent requests with an expired token share one refresh and are repeated once', async () => {
  const { menshen, service } = await loggedInDevice()
  service.on('GET /me', ...Array.from({ length: 10 }, () => expired), me)
  service.on('POST /token/refresh', refreshed)
  await Promise.all(Array.from({ length: 10 }, () => menshen.request({ url: '/me' })))
  assert.deepEqual(
    service.requestsOf('POST /token/refresh').map(({ json }) => json),
    [{ refreshToken: 'r1' }],
  )
  assert.deepEqual(authorizations(service.requestsOf('GET /me')), [
    ...Array(10).fill('Bearer t1'),
    ...Array(10).fill('Bearer t2'),
  ])
})

test('a token that was already replaced is not refreshed again', async () => {
  const { menshen, service } = await loggedInDevice()
  let refuse = (_: Scripted) => {}
  service.on('GET /slow', new Promise((resolve) => (refuse = resolve)), me).on('GET /me', expired, me)
  service.on('POST /token/refresh', refreshed)
  const slow = menshen.request({ url: '/slow' })
  await menshen.request({ url: '/me' })
  refuse(expired)
  await slow
  assert.equal(service.requestsOf('POST /token/refresh').length, 1)
  assert.deepEqual(authorizations(service.requestsOf('GET /slow')), ['Bearer t1', 'Bearer t2'])
})

test('refresh with a lost response is repeated with the same refresh token', async (t) => {
  skipWaits(t)
  const { menshen, service, phone } = await loggedInDevice()
  service.on('GET /me', expired, me).on('POST /token/refresh', 'lost', 'lost', refreshed)
  await menshen.request({ url: '/me' })
  assert.deepEqual(
    service.requestsOf('POST /token/refresh').map(({ json }) => json.refreshToken),
    ['r1', 'r1', 'r1'],
  )
  assert.deepEqual(JSON.parse(phone.storage.get('menshen')!), { token: 't2', refreshToken: 'r2' })
})

test('one silent login replaces a revoked session for all requests', async () => {
  const { menshen, service, phone } = await loggedInDevice()
  const ends: unknown[] = []
  menshen.onSessionEnd((why) => ends.push(why))
  service
    .on('GET /me', revoked, revoked, revoked, me)
    .on('POST /token/refresh', revoked)
    .on('POST /login', loggedInAgain)
  await Promise.all([1, 2, 3].map(() => menshen.request({ url: '/me' })))
  assert.equal(service.requestsOf('POST /token/refresh').length, 1)
  assert.equal(service.requestsOf('POST /login').length, 1)
  assert.equal(phone.logins.calls, 2)
  assert.deepEqual(authorizations(service.requestsOf('GET /me')).slice(3), Array(3).fill('Bearer t3'))
  assert.deepEqual(ends, [])
})

test('a request is repeated after a refresh and after a login, and then fails', async () => {
  const { menshen, service } = await loggedInDevice()
  service.on('GET /me', expired).on('POST /token/refresh', refreshed).on('POST /login', loggedInAgain)
  await assert.rejects(menshen.request({ url: '/me' }), { id: 'token_expired', status: 401 })
  assert.deepEqual(
    service.log.map(({ route }) => route),
    ['GET /me', 'POST /token/refresh', 'GET /me', 'POST /login', 'GET /me'],
  )
})

test('a further service that refuses a fresh token causes no login', async () => {
  const { menshen, service, phone } = await loggedInDevice({ services: ['https://shop.example.com'] })
  service
    .on('GET https://shop.example.com/orders', { status: 401, body: 'no' })
    .on('POST /token/refresh', refreshed)
  const request = menshen.request({ url: 'https://shop.example.com/orders' })
  await assert.rejects(request, { id: 'unexpected_answer', status: 401 })
  assert.equal(phone.logins.calls, 1)
})

test('a refused silent login ends the session and reports the reason', async () => {
  const { menshen, service, phone } = await loggedInDevice()
  const ends: (MenshenError | undefined)[] = []
  menshen.onSessionEnd((why) => ends.push(why))
  service
    .on('GET /me', revoked)
    .on('POST /token/refresh', revoked)
    .on('POST /login', failure(403, 'user_blocked'))
  await assert.rejects(Promise.all([1, 2].map(() => menshen.request({ url: '/me' }))), { id: 'user_blocked' })
  await runPendingTasks()
  assert.deepEqual(
    ends.map((why) => why?.id),
    ['user_blocked'],
  )
  assert.ok(!menshen.loggedIn)
  assert.equal(phone.storage.size, 0)
})

test('the session is kept if a silent login fails with a transient error', async (t) => {
  skipWaits(t)
  const { menshen, service } = await loggedInDevice()
  const ends: unknown[] = []
  menshen.onSessionEnd((why) => ends.push(why))
  service
    .on('GET /me', revoked, revoked, me)
    .on('POST /token/refresh', revoked)
    .on('POST /login', ...Array<Scripted>(5).fill('lost'), loggedInAgain)
  await assert.rejects(menshen.request({ url: '/me' }), { id: 'no_answer' })
  assert.ok(menshen.loggedIn)
  await menshen.request({ url: '/me' })
  assert.deepEqual(ends, [])
})

test('a ban ends the session', async () => {
  for (const route of ['GET /me', 'POST /token/refresh']) {
    const { menshen, service } = await loggedInDevice()
    const ends: (MenshenError | undefined)[] = []
    menshen.onSessionEnd((why) => ends.push(why))
    service.on('GET /me', expired).on(route, failure(403, 'member_banned'))
    await assert.rejects(menshen.request({ url: '/me' }), { id: 'member_banned' })
    assert.deepEqual(
      ends.map((why) => why?.id),
      ['member_banned'],
    )
  }
})

test('a request without a response is repeated only if it is idempotent', async (t) => {
  skipWaits(t)
  const { menshen, service } = await loggedInDevice()
  service.on('GET /me', 'lost', me).on('POST /orders', 'lost', { status: 200 }).on('POST /me', 'lost', me)
  await menshen.request({ url: '/me' })
  await assert.rejects(menshen.request({ url: '/orders', method: 'POST' }), { id: 'no_answer' })
  await menshen.request({ url: '/me', method: 'POST', data: { nickName: '小明' }, idempotent: true })
  assert.deepEqual(
    service.log.map(({ route }) => route),
    ['GET /me', 'GET /me', 'POST /orders', 'POST /me', 'POST /me'],
  )
})

test('rate-limited requests are repeated after Retry-After, idempotent or not', async (t) => {
  const waits = skipWaits(t)
  const { menshen, service } = await loggedInDevice()
  service.on('POST /orders', failure(429, 'rate_limited', {}, { 'retry-after': '3' }), { status: 201 })
  await menshen.request({ url: '/orders', method: 'POST' })
  assert.deepEqual(waits, [3])
})

test('an error of a further service is reported with its status', async () => {
  const { menshen, service } = await loggedInDevice()
  service.on('GET /orders', { status: 418, body: { message: 'a teapot' } }, { status: 500 })
  await assert.rejects(menshen.request({ url: '/orders' }), { id: 'unexpected_answer', status: 418 })
  await assert.rejects(menshen.request({ url: '/orders' }), { id: 'unexpected_answer', status: 500 })
})

test('uploadFile sends the access token and parses errors in text', async () => {
  const { menshen, service } = await loggedInDevice({ services: ['https://files.example.com'] })
  const route = 'POST https://files.example.com/'
  service
    .on(route, expired, { status: 200, body: '{"url":"https://img.example.com/a.png"}' })
    .on('POST /token/refresh', refreshed)
  const upload = { url: 'https://files.example.com/', filePath: 'wxfile://a.png', name: 'file' }
  const { data } = await menshen.uploadFile(upload)
  assert.equal(data, '{"url":"https://img.example.com/a.png"}')
  assert.deepEqual(authorizations(service.requestsOf(route)), ['Bearer t1', 'Bearer t2'])
})

test('bindPhone sends the phone code once', async () => {
  const { menshen, service } = await loggedInDevice()
  service.on('PUT /me/phone', me, 'lost')
  assert.equal((await menshen.bindPhone(phoneEvent('phone1'))).nickName, '小明')
  assert.deepEqual(service.log[0]!.json, { phoneCode: 'phone1' })
  await assert.rejects(menshen.bindPhone(phoneEvent()), { id: 'phone_declined' })
  await assert.rejects(menshen.bindPhone(phoneEvent('phone2')), { id: 'no_answer' })
  assert.equal(service.log.length, 2)
})

test('logout ends the session on the device at once and then at the service', async () => {
  const { menshen, service, phone } = await loggedInDevice()
  const ends: unknown[] = []
  menshen.onSessionEnd((why) => ends.push(why))
  service.on('POST /logout', success({})).on('POST /logout/all', success({}))
  const logout = menshen.logout()
  await waitUntil(() => !menshen.loggedIn)
  await logout
  assert.equal(phone.storage.size, 0)
  assert.deepEqual(authorizations(service.log), ['Bearer t1'])
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

test('logout during a login ends the session of that login', async () => {
  const { menshen, service } = createDevice()
  service.on('POST /logout', success({}))
  const login = menshen.login()
  await menshen.logout()
  await login
  assert.ok(!menshen.loggedIn)
  assert.deepEqual(authorizations(service.requestsOf('POST /logout')), ['Bearer t1'])
})

test('logout refreshes an expired token', async () => {
  const { menshen, service } = await loggedInDevice()
  service.on('POST /logout', expired, success({})).on('POST /token/refresh', refreshed)
  await menshen.logout()
  assert.deepEqual(authorizations(service.requestsOf('POST /logout')), ['Bearer t1', 'Bearer t2'])
  assert.ok(!menshen.loggedIn)
})

test('logout of a revoked session succeeds', async () => {
  const { menshen, service } = await loggedInDevice()
  service.on('POST /logout', revoked)
  await menshen.logout()
  await menshen.login()
  service.on('POST /logout', expired).on('POST /token/refresh', revoked)
  await menshen.logout()
})

test('logout without a response ends the session on the device and rejects', async (t) => {
  skipWaits(t)
  const { menshen, service } = await loggedInDevice()
  service.on('POST /logout', 'lost')
  await assert.rejects(menshen.logout(), { id: 'no_answer' })
  assert.ok(!menshen.loggedIn)
})

test('logout during a token refresh is not undone by the refresh', async () => {
  const { menshen, service, phone } = await loggedInDevice()
  let refresh = (_: Scripted) => {}
  service.on('GET /me', expired).on('POST /logout', success({}))
  service.on('POST /token/refresh', new Promise((resolve) => (refresh = resolve)))
  const request = menshen.request({ url: '/me' }).catch((error) => error)
  await waitUntil(() => service.requestsOf('POST /token/refresh').length === 1)
  await menshen.logout()
  refresh(refreshed)
  assert.equal((await request).id, 'unauthenticated')
  assert.equal(service.requestsOf('GET /me').length, 1)
  assert.ok(!menshen.loggedIn)
  assert.equal(phone.storage.size, 0)
  assert.equal(phone.logins.calls, 1)
})

test('logout everywhere and erasure continue with a new session if the session was revoked', async () => {
  for (const [end, route] of [
    ['logout', 'POST /logout/all'],
    ['erase', 'DELETE /me'],
  ] as const) {
    const { menshen, service } = await loggedInDevice()
    service
      .on(route, revoked, success({}))
      .on('POST /token/refresh', revoked)
      .on('POST /login', loggedInAgain)
    await menshen[end]({ everywhere: true })
    assert.deepEqual(authorizations(service.requestsOf(route)), ['Bearer t1', 'Bearer t3'])
    assert.ok(!menshen.loggedIn)
  }
})

test('erasure with lost responses is recognized as executed', async (t) => {
  skipWaits(t)
  const { menshen, service, phone } = await loggedInDevice()
  service
    .on('DELETE /me', 'lost', revoked, 'lost', revoked)
    .on('POST /token/refresh', revoked)
    .on('POST /login', loggedInAgain)
  await menshen.erase()
  assert.ok(!menshen.loggedIn)
  assert.equal(phone.storage.size, 0)
})

test('erasure without any response rejects and keeps the session', async (t) => {
  skipWaits(t)
  const { menshen, service } = await loggedInDevice()
  service.on('DELETE /me', 'lost')
  await assert.rejects(menshen.erase(), { id: 'no_answer' })
  assert.ok(menshen.loggedIn)
})

test('request refuses the routes that end the session', async () => {
  const { menshen, service } = await loggedInDevice()
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

test('a removed session listener is not called', async () => {
  const { menshen, service } = await loggedInDevice()
  service.on('POST /logout', success({}))
  const calls: unknown[] = []
  menshen.onSessionEnd((why) => calls.push(why))()
  await menshen.logout()
  assert.deepEqual(calls, [])
})
