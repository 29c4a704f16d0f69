/** Logging in, whatever gets lost, is busy or is tapped twice. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMenshen } from 'menshen-miniprogram'
import { device, hurry, idle, LOGIN, phoneEvent, until } from './support/device.js'
import { done, failed } from './support/transport.js'

const unavailable = failed(503, 'provider_unavailable', {}, { 'retry-after': '2' })

test('a login sends a new code under a key of its own, and keeps its tokens to itself', async () => {
  const { menshen, service, phone } = device({ app: 'main' })
  const member = await menshen.login({ nickName: '小明' })
  assert.deepEqual(member, { memberId: 'm1', nickName: '好柿开花8000', isNew: true })
  assert.deepEqual(service.log[0]!.json, { code: 'code1', app: 'main', nickName: '小明' })
  assert.match(service.log[0]!.headers['Idempotency-Key']!, /^[0-9a-f]{32}$/)
  assert.ok(menshen.loggedIn)
  assert.deepEqual(JSON.parse(phone.storage.get('menshen')!), { token: 't1', refreshToken: 'r1' })
})

test('a phone without a source of chance still names its attempts', async () => {
  const { phone, service } = device()
  const wx = { ...phone.wx, getRandomValues: undefined }
  const menshen = createMenshen({ baseUrl: 'https://member.example.com', wx })
  await menshen.login()
  await menshen.login()
  const keys = service.log.map((request) => request.headers['Idempotency-Key']!)
  assert.notEqual(keys[0], keys[1])
  keys.forEach((key) => assert.match(key, /^[0-9a-f]{32}$/))
})

test('logins at once are one login', async () => {
  const { menshen, service, phone } = device()
  const members = await Promise.all(Array.from({ length: 10 }, () => menshen.login()))
  assert.equal(new Set(members.map((member) => member.memberId)).size, 1)
  assert.equal(phone.logins.calls, 1)
  assert.equal(service.log.length, 1)
})

test('a login after another one has a code and a key of its own', async () => {
  const { menshen, service } = device()
  await menshen.login()
  await menshen.login()
  const [first, second] = service.log
  assert.notEqual(first!.json.code, second!.json.code)
  assert.notEqual(first!.headers['Idempotency-Key'], second!.headers['Idempotency-Key'])
})

test('a login whose answer was lost is sent again as it was', async (t) => {
  const waits = hurry(t)
  const { menshen, service, phone } = device()
  service.on('POST /login', 'lost', 'lost', { status: 502, body: '<html>' }, done(LOGIN))
  await menshen.login()
  assert.equal(phone.logins.calls, 1)
  assert.equal(service.log.length, 4)
  assert.equal(new Set(service.log.map(({ body, headers }) => body! + headers['Idempotency-Key'])).size, 1)
  waits.forEach((wait, tries) => assert.ok(wait >= 0.2 * 2 ** tries && wait <= 0.4 * 2 ** tries, `${waits}`))
})

test('a service that cannot be reached is given up in the end', async (t) => {
  hurry(t)
  const { menshen, service } = device()
  service.on('POST /login', 'lost')
  await assert.rejects(menshen.login(), {
    id: 'no_answer',
    message: '网络不给力，请稍后再试',
    errMsg: /socket hang up/,
  })
  assert.equal(service.log.length, 5)
  assert.ok(!menshen.loggedIn)
})

test('while WeChat is busy, a login waits as told and comes with a new code under a new key', async (t) => {
  const waits = hurry(t)
  const { menshen, service } = device()
  service.on('POST /login', unavailable, unavailable, done(LOGIN))
  await menshen.login()
  assert.deepEqual(
    service.log.map(({ json }) => json.code),
    ['code1', 'code2', 'code3'],
  )
  assert.equal(new Set(service.log.map(({ headers }) => headers['Idempotency-Key'])).size, 3)
  assert.deepEqual(waits, [2, 2])
})

test('who logs in too often waits as told and comes with a new code', async (t) => {
  const waits = hurry(t)
  const { menshen, service } = device()
  service.on('POST /login', failed(429, 'rate_limited', {}, { 'Retry-After': '7' }), done(LOGIN))
  await menshen.login()
  assert.deepEqual(
    service.log.map(({ json }) => json.code),
    ['code1', 'code2'],
  )
  assert.deepEqual(waits, [7])
})

test('nobody is kept waiting for long: the page is told how long it would be', async (t) => {
  const waits = hurry(t)
  const { menshen, service } = device()
  service.on('POST /login', failed(429, 'rate_limited', {}, { 'Retry-After': '60' }))
  await assert.rejects(menshen.login(), {
    id: 'rate_limited',
    status: 429,
    retryAfter: 60,
    requestId: 'r-1234567',
  })
  assert.equal(service.log.length, 1)
  assert.deepEqual(waits, [])
})

for (const refusal of ['login_code_invalid', 'login_code_used']) {
  test(`after ${refusal} a new code is tried, once`, async (t) => {
    hurry(t)
    const { menshen, service } = device()
    service.on('POST /login', failed(401, refusal), done(LOGIN))
    await menshen.login()
    assert.deepEqual(
      service.log.map(({ json }) => json.code),
      ['code1', 'code2'],
    )
    service.on('POST /login', failed(401, refusal))
    await assert.rejects(menshen.login(), { id: refusal, status: 401 })
    assert.equal(service.log.length, 4)
  })
}

test('what trying again does not mend is told at once', async () => {
  for (const [status, id] of [
    [403, 'user_blocked'],
    [403, 'member_banned'],
    [400, 'invalid_request'],
    [500, 'internal'],
    [500, 'provider_misconfigured'],
  ] as const) {
    const { menshen, service } = device()
    service.on('POST /login', failed(status, id, { fields: { app: 'unknown' } }))
    await assert.rejects(menshen.login(), {
      id,
      status,
      message: `出错了：${id}`,
      fields: { app: 'unknown' },
    })
    assert.equal(service.log.length, 1)
  }
})

test('a public network that answers in place of the service lets nobody in', async () => {
  const { menshen, service } = device()
  service.on('POST /login', { status: 200, body: '<html>Please sign in</html>' })
  await assert.rejects(menshen.login(), { id: 'unexpected_answer', status: 200 })
  assert.ok(!menshen.loggedIn)
})

test('a phone that gets no code from WeChat tries again, and says so in the end', async (t) => {
  hurry(t)
  const { phone, service } = device()
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

test('the phone button’s code goes where it belongs, beside a login code', async () => {
  const { menshen, service } = device()
  await menshen.loginWithPhone(phoneEvent('phone1'))
  assert.deepEqual(service.log[0]!.json, { code: 'code1', phoneCode: 'phone1' })
})

test('who does not give their number is not logged in, and nothing is asked', async () => {
  const { menshen, service, phone } = device()
  await assert.rejects(menshen.loginWithPhone(phoneEvent()), {
    id: 'phone_declined',
    errMsg: 'getPhoneNumber:fail user deny',
  })
  assert.equal(phone.logins.calls, 0)
  assert.equal(service.log.length, 0)
})

test('a login with a phone number waits for the login before it, which cannot carry the number', async () => {
  const { menshen, service, phone } = device()
  await Promise.all([menshen.login(), menshen.loginWithPhone(phoneEvent('phone1')), menshen.login()])
  assert.deepEqual(
    service.log.map(({ json }) => json.phoneCode),
    [undefined, 'phone1'],
  )
  assert.equal(phone.logins.atMost, 1)
})

test('a button that reports twice spends its code once', async () => {
  const { menshen, service } = device()
  const tap = () => menshen.loginWithPhone(phoneEvent('phone1'))
  await Promise.all([tap(), tap()])
  assert.equal(service.log.length, 1)
})

test('a login that failed does not keep the next one out', async () => {
  const { menshen, service } = device()
  service.on('POST /login', failed(500, 'internal'), done(LOGIN))
  const first = menshen.login()
  const second = menshen.loginWithPhone(phoneEvent('phone1'))
  await assert.rejects(first, { id: 'internal' })
  await second
})

test('what the user decides in a conflict goes with the same codes under the same key', async () => {
  const { menshen, service } = device()
  const conflict = { reason: 'two_members', choices: ['merge', 'separate'] }
  service.on('POST /login', failed(409, 'conflict', { conflict }), done({ ...LOGIN, merged: ['m2'] }))
  const tap = phoneEvent('phone1')
  await assert.rejects(menshen.loginWithPhone(tap), { id: 'conflict', conflict })
  const member = await menshen.loginWithPhone(tap, { onConflict: 'merge' })
  assert.deepEqual(member.merged, ['m2'])
  const [asked, decided] = service.log
  assert.deepEqual(decided!.json, { ...asked!.json, onConflict: 'merge' })
  assert.equal(decided!.headers['Idempotency-Key'], asked!.headers['Idempotency-Key'])
})

test('what the user decides goes with no other number than the one that was asked about', async () => {
  const { menshen, service } = device()
  const conflict = { reason: 'two_members', choices: ['merge', 'separate'] }
  service.on('POST /login', failed(409, 'conflict', { conflict }), done(LOGIN))
  await assert.rejects(menshen.loginWithPhone(phoneEvent('phone1')), { id: 'conflict' })
  await menshen.loginWithPhone(phoneEvent('phone2'), { onConflict: 'merge' })
  assert.deepEqual(service.log[1]!.json, { code: 'code2', phoneCode: 'phone2', onConflict: 'merge' })
})

test('a login after a conflict that leaves the number out is a new one', async () => {
  const { menshen, service } = device()
  const conflict = { reason: 'phone_taken', choices: ['without_phone', 'another_phone'] }
  service.on('POST /login', failed(409, 'conflict', { conflict }), done(LOGIN))
  await assert.rejects(menshen.loginWithPhone(phoneEvent('phone1')), { id: 'conflict' })
  await menshen.login()
  assert.deepEqual(service.log[1]!.json, { code: 'code2' })
})

test('a login that the background cut off goes on when the user is back, and not before', async (t) => {
  const waits = hurry(t)
  const { menshen, service, phone } = device()
  service.on('POST /login', new Promise(() => {}), done(LOGIN))
  const login = menshen.login()
  await until(() => service.log.length === 1)
  phone.hide()
  phone.cutOff()
  await until(() => waits.length === 1)
  await idle()
  assert.equal(phone.attemptsInBackground, 0)
  phone.show()
  await login
  const [cut, again] = service.log
  assert.deepEqual(again, cut)
})
