/** SDK against the real server and the WeChat sandbox, over a network that loses responses. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createMenshen, type Envelope, type MemberData, type MenshenError } from 'menshen-miniprogram'
import { skipWaits } from './support/device.js'
import { Programs } from './support/programs.js'
import { User } from './support/user.js'

let programs: Programs
before(async () => {
  programs = await Programs.start()
})
after(() => programs?.stop())

const getMe = async ({ menshen }: User) =>
  (await menshen.request<Envelope<MemberData>>({ url: '/me' })).data.data

/** Codes that the server redeemed at a path of WeChat, without the calls that WeChat refused as busy. */
async function redeemedCodes(path: string, codeOf: (call: any) => string): Promise<string[]> {
  const calls: any[] = await programs.sandbox('GET', `log?path=${path}`)
  return calls.filter(({ answer }) => !String(answer).includes('errcode":-1')).map(codeOf)
}

test('with 30 % of the responses lost, every operation is executed once', async (t) => {
  skipWaits(t)
  const users = await Promise.all(Array.from({ length: 10 }, () => User.create(programs)))
  await Promise.all(
    users.map(async (user, n) => {
      const nickName = `第${n}位`
      const { isNew } = await user.menshen.loginWithPhone(await user.tapPhoneButton(), { nickName })
      assert.ok(isNew)
      assert.equal((await getMe(user)).nickName, nickName)
      assert.match((await getMe(user)).phone!, /^137\*/)
      assert.equal(await user.sessionCount(), 1)
      await user.menshen.logout()
      assert.ok(!(await user.menshen.login()).isNew)
      assert.equal(await user.sessionCount(), 1)
    }),
  )
  const deliveries = users.flatMap(({ network }) => network.deliveries)
  const lost = deliveries.filter((delivery) => delivery.lost).length
  assert.ok(lost / deliveries.length > 0.2, `${lost} of ${deliveries.length} responses were lost`)
  for (const codes of [
    await redeemedCodes('/sns/jscode2session', ({ query }) => query.js_code),
    await redeemedCodes('/wxa/business/getuserphonenumber', ({ body }) => JSON.parse(body).code),
  ]) {
    assert.ok(codes.length >= 10)
    assert.equal(new Set(codes).size, codes.length, 'no code is redeemed twice')
  }
})

test('concurrent requests with an expired token share one refresh', async () => {
  const user = await User.create(programs)
  await user.menshen.login()
  const [login] = user.network.deliveriesOf('POST /login')
  const { token } = JSON.parse(login!.response.body).data
  let requests = 0
  user.network.beforeDelivery = ({ route }) => {
    if (route === 'GET /me' && ++requests === 3) user.network.expiredTokens.add(token)
  }
  const members = await Promise.all(Array.from({ length: 10 }, () => getMe(user)))
  assert.equal(new Set(members.map(({ memberId }) => memberId)).size, 1)
  const refreshes = user.network.deliveriesOf('POST /token/refresh')
  assert.ok(refreshes.every(({ response }) => response.status === 200))
  const refreshTokens = refreshes.map(({ response }) => JSON.parse(response.body).data.refreshToken)
  assert.equal(new Set(refreshTokens).size, 1)
  assert.equal(user.phone.logins.calls, 1)
  assert.equal(await user.sessionCount(), 1)
})

test('after a signing key is revoked, each phone refreshes once and continues', async () => {
  const users = await Promise.all([1, 2, 3].map(() => User.create(programs, { losesResponses: false })))
  await Promise.all(users.map(({ menshen }) => menshen.login()))
  const current = /current +(\S+)/.exec(await programs.command('keys', 'list'))
  await programs.command('keys', 'revoke', current![1]!)
  const wasRefused = ({ network }: User) => network.deliveries.some(({ response }) => response.status === 401)
  for (const user of users) {
    while (!wasRefused(user)) await Promise.all(Array.from({ length: 10 }, () => getMe(user)))
    assert.equal(user.network.deliveriesOf('POST /token/refresh').length, 1)
    assert.equal(user.phone.logins.calls, 1)
    assert.equal(await user.sessionCount(), 1)
  }
})

test('login and concurrent requests survive a killed and restarted server', async () => {
  const user = await User.create(programs, { losesResponses: false })
  let restart: Promise<void> | undefined
  const restartServer = async () => {
    await programs.killServer()
    await programs.startServer()
  }
  user.network.beforeDelivery = ({ route }) => {
    if (restart || route !== 'POST /login') return
    restart = restartServer()
    throw new Error('socket hang up')
  }
  assert.ok((await user.menshen.login()).isNew)
  await restart
  restart = undefined
  user.network.beforeDelivery = ({ route }) => {
    if (route === 'GET /me') restart ??= restartServer()
  }
  await Promise.all(Array.from({ length: 10 }, () => getMe(user)))
  await restart
  const [first, second] = user.network.deliveriesOf('POST /login')
  assert.equal(
    second!.response.body.replace(/"operationTime.*/, ''),
    first!.response.body.replace(/"operationTime.*/, ''),
  )
  assert.equal(await user.sessionCount(), 1)
})

test('while WeChat is busy, login is retried with new codes', async () => {
  const user = await User.create(programs, { losesResponses: false })
  // The server repeats a call to a busy WeChat once, so four failed calls are two failed logins.
  await programs.sandbox('POST', 'faults', { path: '/sns/jscode2session', times: 4, errcode: -1 })
  assert.ok((await user.menshen.loginWithPhone(await user.tapPhoneButton())).isNew)
  const logins = user.network.deliveriesOf('POST /login')
  assert.deepEqual(
    logins.map(({ response }) => response.status),
    [503, 503, 200],
  )
  assert.equal(new Set(logins.map(({ body }) => JSON.parse(body!).code)).size, 3)
  assert.equal(new Set(logins.map(({ headers }) => headers['Idempotency-Key'])).size, 3)
  assert.equal(await user.sessionCount(), 1)
})

test('a session ended by another device is replaced by a silent login of the same member', async (t) => {
  skipWaits(t)
  const user = await User.create(programs)
  const secondPhone = user.withSecondPhone()
  const { memberId } = await user.menshen.login()
  await secondPhone.menshen.login()
  await secondPhone.menshen.logout({ everywhere: true })
  assert.equal((await getMe(user)).memberId, memberId)
  assert.equal(user.phone.logins.calls, 2)
  assert.equal(await user.sessionCount(), 1)
})

test('profile changes with POST /me, since wx.request has no PATCH', async (t) => {
  skipWaits(t)
  const user = await User.create(programs)
  await user.menshen.login()
  const change = { url: '/me', method: 'POST', data: { nickName: '小明' }, idempotent: true } as const
  await user.menshen.request(change)
  assert.equal((await getMe(user)).nickName, '小明')
})

test('a ban rejects requests and ends the session with the reason', async (t) => {
  skipWaits(t)
  const user = await User.create(programs)
  const { memberId } = await user.menshen.login()
  const ends: (MenshenError | undefined)[] = []
  user.menshen.onSessionEnd((why) => ends.push(why))
  await programs.command('ban', memberId)
  await assert.rejects(getMe(user), { id: 'member_banned', status: 403, message: /停用/ })
  await assert.rejects(user.menshen.login(), { id: 'member_banned' })
  assert.deepEqual(
    ends.map((why) => why?.id),
    ['member_banned'],
  )
})

test('binding the phone number of another member is a conflict', async () => {
  const number = '13600000001'
  const [first, second] = await Promise.all(
    [1, 2].map(() => User.create(programs, { losesResponses: false, number })),
  )
  await Promise.all([first!.menshen.login(), second!.menshen.login()])
  assert.match((await first!.menshen.bindPhone(await first!.tapPhoneButton())).phone!, /^136\*/)
  const conflict = { reason: 'phone_taken', choices: ['another_phone'] }
  await assert.rejects(second!.menshen.bindPhone(await second!.tapPhoneButton()), {
    id: 'conflict',
    status: 409,
    conflict,
  })
})

test('erasure ends the session, and the next login creates a new member', async (t) => {
  skipWaits(t)
  const user = await User.create(programs)
  const { memberId } = await user.menshen.login()
  await user.menshen.erase()
  assert.ok(!user.menshen.loggedIn)
  const newMember = await user.menshen.login()
  assert.ok(newMember.isNew)
  assert.notEqual(newMember.memberId, memberId)
})

test('invalid_request names the invalid fields', async () => {
  const user = await User.create(programs, { losesResponses: false })
  await assert.rejects(
    user.menshen.login({ nickName: 'x'.repeat(65) }),
    ({ id, fields, requestId }: MenshenError) => {
      return id === 'invalid_request' && 'nickName' in fields! && requestId !== undefined
    },
  )
  const unknownApp = createMenshen({ baseUrl: programs.serverUrl, app: 'unknown', wx: user.phone.wx })
  await assert.rejects(unknownApp.login(), { id: 'invalid_request' })
})
