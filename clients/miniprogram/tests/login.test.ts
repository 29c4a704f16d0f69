/** Logins: codes, idempotency keys, retries, concurrency and conflicts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMenshen } from 'menshen-miniprogram'
import { createDevice, LOGIN, phoneEvent, runPendingTasks, skipWaits, waitUntil } from './support/device.js'
import { failure, success } from './support/transport.js'

const unavailable = failure(503, 'provider_unavailable', {}, { 'retry-after': '2' })
const overloaded = failure(503, 'service_unavailable', {}, { 'retry-after': '2' })

test('login sends a new code with an idempotency key, and does not expose its tokens', async () => {
  const { menshen, service, phone } = createDevice({ app: 'main' })
  const member = await menshen.login({ nickName: '小明' })
  assert.deepEqual(member, { memberId: 'm1', nickName: '好柿开花8000', isNew: true })
  assert.deepEqual(service.log[0]!.json, { code: 'code1', app: 'main', nickName: '小明' })
  assert.match(service.log[0]!.headers['Idempotency-Key']!, /^[0-9a-f]{32}$/)
  assert.ok(menshen.loggedIn)
  assert.deepEqual(JSON.parse(phone.storage.get('menshen')!), { token: 't1', refreshToken: 'r1' })
})

test('idempotency keys are unique without getRandomValues', async () => {
  const { phone, service } = createDevice()
  const wx = { ...phone.wx, getRandomValues: undefined }
  const menshen = createMenshen({ baseUrl: 'https://member.example.com', wx })
  await menshen.login()
  await menshen.login()
  const keys = service.log.map((request) => request.headers['Idempotency-Key']!)
  assert.notEqual(keys[0], keys[1])
  keys.forEach((key) => assert.match(key, /^[0-9a-f]{32}$/))
})

test('concurrent logins share one request', async () => {
  const { menshen, service, phone } = createDevice()
  const members = await Promise.all(Array.from({ length: 10 }, () => menshen.login()))
  assert.equal(new Set(members.map((member) => member.memberId)).size, 1)
  assert.equal(phone.logins.calls, 1)
  assert.equal(service.log.length, 1)
})

test('each login has a new code and a new idempotency key', async () => {
  const { menshen, service } = createDevice()
  await menshen.login()
  await menshen.login()
  const [first, second] = service.log
  assert.notEqual(first!.json.code, second!.json.code)
  assert.notEqual(first!.headers['Idempotency-Key'], second!.headers['Idempotency-Key'])
})

test('login with a lost response is repeated with the same code and idempotency key', async (t) => {
  const waits = skipWaits(t)
  const { menshen, service, phone } = createDevice()
  service.on('POST /login', 'lost', 'lost', { status: 502, body: '<html>' }, success(LOGIN))
  await menshen.login()
  assert.equal(phone.logins.calls, 1)
  assert.equal(service.log.length, 4)
  assert.equal(new Set(service.log.map(({ body, headers }) => body! + headers['Idempotency-Key'])).size, 1)
  waits.forEach((wait, retry) => assert.ok(wait >= 0.2 * 2 ** retry && wait <= 0.4 * 2 ** retry, `${waits}`))
})

test('login fails with no_answer after five attempts without a response', async (t) => {
  skipWaits(t)
  const { menshen, service } = createDevice()
  service.on('POST /login', 'lost')
  await assert.rejects(menshen.login(), {
    id: 'no_answer',
    message: '网络不给力，请稍后再试',
    errMsg: /socket hang up/,
  })
  assert.equal(service.log.length, 5)
  assert.ok(!menshen.loggedIn)
})

test('while WeChat is busy, login waits for Retry-After and sends a new code and key', async (t) => {
  const waits = skipWaits(t)
  const { menshen, service } = createDevice()
  service.on('POST /login', unavailable, overloaded, success(LOGIN))
  await menshen.login()
  assert.deepEqual(
    service.log.map(({ json }) => json.code),
    ['code1', 'code2', 'code3'],
  )
  assert.equal(new Set(service.log.map(({ headers }) => headers['Idempotency-Key'])).size, 3)
  assert.deepEqual(waits, [2, 2])
})

test('rate-limited login waits for Retry-After and sends a new code', async (t) => {
  const waits = skipWaits(t)
  const { menshen, service } = createDevice()
  service.on('POST /login', failure(429, 'rate_limited', {}, { 'Retry-After': '7' }), success(LOGIN))
  await menshen.login()
  assert.deepEqual(
    service.log.map(({ json }) => json.code),
    ['code1', 'code2'],
  )
  assert.deepEqual(waits, [7])
})

test('a long Retry-After is not waited for but returned in the error', async (t) => {
  const waits = skipWaits(t)
  const { menshen, service } = createDevice()
  service.on('POST /login', failure(429, 'rate_limited', {}, { 'Retry-After': '60' }))
  await assert.rejects(menshen.login(), {
    id: 'rate_limited',
    status: 429,
    retryAfter: 60,
    requestId: 'r-1234567',
  })
  assert.equal(service.log.length, 1)
  assert.deepEqual(waits, [])
})

for (const id of ['login_code_invalid', 'login_code_used']) {
  test(`after ${id}, login is retried once with a new code`, async (t) => {
    skipWaits(t)
    const { menshen, service } = createDevice()
    service.on('POST /login', failure(401, id), success(LOGIN))
    await menshen.login()
    assert.deepEqual(
      service.log.map(({ json }) => json.code),
      ['code1', 'code2'],
    )
    service.on('POST /login', failure(401, id))
    await assert.rejects(menshen.login(), { id, status: 401 })
    assert.equal(service.log.length, 4)
  })
}

test('permanent errors are not retried', async () => {
  for (const [status, id] of [
    [403, 'user_blocked'],
    [403, 'member_banned'],
    [400, 'invalid_request'],
    [500, 'internal'],
    [500, 'provider_misconfigured'],
  ] as const) {
    const { menshen, service } = createDevice()
    service.on('POST /login', failure(status, id, { fields: { app: 'unknown' } }))
    await assert.rejects(menshen.login(), {
      id,
      status,
      message: `出错了：${id}`,
      fields: { app: 'unknown' },
    })
    assert.equal(service.log.length, 1)
  }
})

test('a response without an envelope, as from a captive portal, is an error', async () => {
  const { menshen, service } = createDevice()
  service.on('POST /login', { status: 200, body: '<html>Please sign in</html>' })
  await assert.rejects(menshen.login(), { id: 'unexpected_answer', status: 200 })
  assert.ok(!menshen.loggedIn)
})

test('login fails with no_login_code after five wx.login calls without a code', async (t) => {
  skipWaits(t)
  const { phone, service } = createDevice()
  let calls = 0
  const wx = {
    ...phone.wx,
    login: (options: any) =>
      ++calls < 3 ? options.fail({ errMsg: 'login:fail' }) : options.success({ code: '' }),
  }
  const menshen = createMenshen({ baseUrl: 'https://member.example.com', wx })
  await assert.rejects(menshen.login(), { id: 'no_login_code', message: '微信登录失败，请稍后再试' })
  assert.equal(calls, 5)
  assert.equal(service.log.length, 0)
})

test('loginWithPhone sends the phone code beside a login code', async () => {
  const { menshen, service } = createDevice()
  await menshen.loginWithPhone(phoneEvent('phone1'))
  assert.deepEqual(service.log[0]!.json, { code: 'code1', phoneCode: 'phone1' })
})

test('declining the phone number sends no request', async () => {
  const { menshen, service, phone } = createDevice()
  await assert.rejects(menshen.loginWithPhone(phoneEvent()), {
    id: 'phone_declined',
    errMsg: 'getPhoneNumber:fail user deny',
  })
  assert.equal(phone.logins.calls, 0)
  assert.equal(service.log.length, 0)
})

test('loginWithPhone waits for a login in progress without a phone code', async () => {
  const { menshen, service, phone } = createDevice()
  await Promise.all([menshen.login(), menshen.loginWithPhone(phoneEvent('phone1')), menshen.login()])
  assert.deepEqual(
    service.log.map(({ json }) => json.phoneCode),
    [undefined, 'phone1'],
  )
  assert.equal(phone.logins.maxInProgress, 1)
})

test('concurrent logins with the same phone code share one request', async () => {
  const { menshen, service } = createDevice()
  const login = () => menshen.loginWithPhone(phoneEvent('phone1'))
  await Promise.all([login(), login()])
  assert.equal(service.log.length, 1)
})

test('a failed login does not block the next one', async () => {
  const { menshen, service } = createDevice()
  service.on('POST /login', failure(500, 'internal'), success(LOGIN))
  const first = menshen.login()
  const second = menshen.loginWithPhone(phoneEvent('phone1'))
  await assert.rejects(first, { id: 'internal' })
  await second
})

test('conflict decision is sent with the same codes and idempotency key', async () => {
  const { menshen, service } = createDevice()
  const conflict = { reason: 'merge_required', choices: ['merge', 'separate'] }
  service.on('POST /login', failure(409, 'conflict', { conflict }), success({ ...LOGIN, merged: ['m2'] }))
  const event = phoneEvent('phone1')
  await assert.rejects(menshen.loginWithPhone(event), { id: 'conflict', conflict })
  const member = await menshen.loginWithPhone(event, { onConflict: 'merge' })
  assert.deepEqual(member.merged, ['m2'])
  const [conflicting, decided] = service.log
  assert.deepEqual(decided!.json, { ...conflicting!.json, onConflict: 'merge' })
  assert.equal(decided!.headers['Idempotency-Key'], conflicting!.headers['Idempotency-Key'])
})

test('conflict decision with another phone code is a new login', async () => {
  const { menshen, service } = createDevice()
  const conflict = { reason: 'merge_required', choices: ['merge', 'separate'] }
  service.on('POST /login', failure(409, 'conflict', { conflict }), success(LOGIN))
  await assert.rejects(menshen.loginWithPhone(phoneEvent('phone1')), { id: 'conflict' })
  await menshen.loginWithPhone(phoneEvent('phone2'), { onConflict: 'merge' })
  assert.deepEqual(service.log[1]!.json, { code: 'code2', phoneCode: 'phone2', onConflict: 'merge' })
})

test('login without the phone number after a conflict is a new login', async () => {
  const { menshen, service } = createDevice()
  const conflict = { reason: 'phone_taken', choices: ['without_phone', 'another_phone'] }
  service.on('POST /login', failure(409, 'conflict', { conflict }), success(LOGIN))
  await assert.rejects(menshen.loginWithPhone(phoneEvent('phone1')), { id: 'conflict' })
  await menshen.login()
  assert.deepEqual(service.log[1]!.json, { code: 'code2' })
})

test('login interrupted in the background continues in the foreground', async (t) => {
  const waits = skipWaits(t)
  const { menshen, service, phone } = createDevice()
  service.on('POST /login', new Promise(() => {}), success(LOGIN))
  const login = menshen.login()
  await waitUntil(() => service.log.length === 1)
  phone.hide()
  phone.interruptRequests()
  await waitUntil(() => waits.length === 1)
  await runPendingTasks()
  assert.equal(phone.requestsInBackground, 0)
  phone.show()
  await login
  const [interrupted, repeated] = service.log
  assert.deepEqual(repeated, interrupted)
})
