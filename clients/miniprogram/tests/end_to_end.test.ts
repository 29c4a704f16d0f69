/** The whole way: phone, lossy network, real server, offline WeChat. Each thing a user does happens once. */

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createMenshen, type Envelope, type MemberData, type MenshenError } from 'menshen-miniprogram'
import { hurry } from './support/device.js'
import { Person } from './support/person.js'
import { Programs } from './support/programs.js'

let programs: Programs
before(async () => {
  programs = await Programs.start()
})
after(() => programs?.stop())

const me = async ({ menshen }: Person) =>
  (await menshen.request<Envelope<MemberData>>({ url: '/me' })).data.data
const ok = ({ answer }: { answer: { status: number } }) => answer.status === 200

/** The codes that WeChat was asked about, by what it was asked. */
async function redeemed(path: string, code: (call: any) => string): Promise<string[]> {
  const calls: any[] = await programs.sandbox('GET', `log?path=${path}`)
  return calls.filter(({ answer }) => !String(answer).includes('errcode":-1')).map(code)
}

test('with three of ten answers lost, everything a user does happens once', async (t) => {
  hurry(t)
  const people = await Promise.all(Array.from({ length: 10 }, () => Person.appear(programs)))
  await Promise.all(
    people.map(async (person, n) => {
      const { isNew } = await person.menshen.loginWithPhone(await person.tap(), { nickName: `第${n}位` })
      assert.ok(isNew)
      assert.equal((await me(person)).nickName, `第${n}位`)
      assert.match((await me(person)).phone!, /^137\*/)
      assert.equal(await person.sessions(), 1)
      await person.menshen.logout()
      assert.ok(!(await person.menshen.login()).isNew)
      assert.equal(await person.sessions(), 1)
    }),
  )
  const deliveries = people.flatMap(({ network }) => network.delivered)
  const lost = deliveries.filter((delivery) => delivery.lost).length
  assert.ok(lost / deliveries.length > 0.2, `${lost} of ${deliveries.length} were lost`)
  for (const codes of [
    await redeemed('/sns/jscode2session', ({ query }) => query.js_code),
    await redeemed('/wxa/business/getuserphonenumber', ({ body }) => JSON.parse(body).code),
  ]) {
    assert.ok(codes.length >= 10)
    assert.equal(new Set(codes).size, codes.length, 'no code is redeemed twice')
  }
})

test('when the token expires among ten requests, one refresh serves them all', async () => {
  const person = await Person.appear(programs)
  await person.menshen.login()
  const [login] = person.network.answers('POST /login')
  let requests = 0
  person.network.afterwards = ({ route }) => {
    if (route === 'GET /me' && ++requests === 3)
      person.network.expired.add(JSON.parse(login!.answer.body).data.token)
  }
  const members = await Promise.all(Array.from({ length: 10 }, () => me(person)))
  assert.equal(new Set(members.map(({ memberId }) => memberId)).size, 1)
  const refreshes = person.network.answers('POST /token/refresh')
  assert.ok(refreshes.every(ok))
  assert.equal(new Set(refreshes.map(({ answer }) => JSON.parse(answer.body).data.refreshToken)).size, 1)
  assert.equal(person.phone.logins.calls, 1)
  assert.equal(await person.sessions(), 1)
})

test('when the server itself refuses the tokens of all, each phone refreshes once and goes on', async () => {
  const people = await Promise.all([1, 2, 3].map(() => Person.appear(programs, { loses: false })))
  await Promise.all(people.map(({ menshen }) => menshen.login()))
  const current = /current +(\S+)/.exec(await programs.command('keys', 'list'))
  await programs.command('keys', 'revoke', current![1]!)
  const refused = ({ network }: Person) => network.delivered.some(({ answer }) => answer.status === 401)
  for (const person of people) {
    while (!refused(person)) await Promise.all(Array.from({ length: 10 }, () => me(person)))
    assert.equal(person.network.answers('POST /token/refresh').length, 1)
    assert.equal(person.phone.logins.calls, 1)
    assert.equal(await person.sessions(), 1)
  }
})

test('a login and ten requests outlive a server that is killed and started again', async () => {
  const person = await Person.appear(programs, { loses: false })
  let restart: Promise<void> | undefined
  const restarted = async () => {
    await programs.killServer()
    await programs.startServer()
  }
  person.network.afterwards = ({ route }) => {
    if (restart || route !== 'POST /login') return
    restart = restarted()
    throw new Error('socket hang up')
  }
  assert.ok((await person.menshen.login()).isNew)
  await restart
  restart = undefined
  person.network.afterwards = ({ route }) => {
    if (route === 'GET /me') restart ??= restarted()
  }
  await Promise.all(Array.from({ length: 10 }, () => me(person)))
  await restart
  const [first, second] = person.network.answers('POST /login')
  assert.equal(
    second!.answer.body.replace(/"operationTime.*/, ''),
    first!.answer.body.replace(/"operationTime.*/, ''),
  )
  assert.equal(await person.sessions(), 1)
})

test('while WeChat is busy, a login comes back with new codes until it is in', async () => {
  const person = await Person.appear(programs, { loses: false })
  // The server by itself asks a busy WeChat once more.
  await programs.sandbox('POST', 'faults', { path: '/sns/jscode2session', times: 4, errcode: -1 })
  assert.ok((await person.menshen.loginWithPhone(await person.tap())).isNew)
  const logins = person.network.answers('POST /login')
  assert.deepEqual(
    logins.map(({ answer }) => answer.status),
    [503, 503, 200],
  )
  assert.equal(new Set(logins.map(({ body }) => JSON.parse(body!).code)).size, 3)
  assert.equal(new Set(logins.map(({ headers }) => headers['Idempotency-Key'])).size, 3)
  assert.equal(await person.sessions(), 1)
})

test('a session that another device has ended is replaced by the same member’s', async (t) => {
  hurry(t)
  const person = await Person.appear(programs)
  const other = person.withAnotherPhone()
  const { memberId } = await person.menshen.login()
  await other.menshen.login()
  await other.menshen.logout({ everywhere: true })
  assert.equal((await me(person)).memberId, memberId)
  assert.equal(person.phone.logins.calls, 2)
  assert.equal(await person.sessions(), 1)
})

test('what a member changes is changed, by a method that wx.request knows', async (t) => {
  hurry(t)
  const person = await Person.appear(programs)
  await person.menshen.login()
  const change = { url: '/me', method: 'POST', data: { nickName: '小明' }, idempotent: true } as const
  await person.menshen.request(change)
  assert.equal((await me(person)).nickName, '小明')
})

test('a member who is banned is told so, and the page hears that the session is over', async (t) => {
  hurry(t)
  const person = await Person.appear(programs)
  const { memberId } = await person.menshen.login()
  const ends: (MenshenError | undefined)[] = []
  person.menshen.onSessionEnd((why) => ends.push(why))
  await programs.command('ban', memberId)
  await assert.rejects(me(person), { id: 'member_banned', status: 403, message: /停用/ })
  await assert.rejects(person.menshen.login(), { id: 'member_banned' })
  assert.deepEqual(
    ends.map((why) => why?.id),
    ['member_banned'],
  )
})

test('a phone number is bound, and one of another member is a conflict', async () => {
  const number = '13600000001'
  const [first, second] = await Promise.all(
    [1, 2].map(() => Person.appear(programs, { loses: false, number })),
  )
  await Promise.all([first!.menshen.login(), second!.menshen.login()])
  assert.match((await first!.menshen.bindPhone(await first!.tap())).phone!, /^136\*/)
  const conflict = { reason: 'phone_taken', choices: ['another_phone'] }
  await assert.rejects(second!.menshen.bindPhone(await second!.tap()), {
    id: 'conflict',
    status: 409,
    conflict,
  })
})

test('who has their data erased is logged out, and is new when they come back', async (t) => {
  hurry(t)
  const person = await Person.appear(programs)
  const { memberId } = await person.menshen.login()
  await person.menshen.erase()
  assert.ok(!person.menshen.loggedIn)
  const back = await person.menshen.login()
  assert.ok(back.isNew)
  assert.notEqual(back.memberId, memberId)
})

test('what is wrong with a request is told by field', async () => {
  const person = await Person.appear(programs, { loses: false })
  await assert.rejects(
    person.menshen.login({ nickName: 'x'.repeat(65) }),
    ({ id, fields, requestId }: MenshenError) => {
      return id === 'invalid_request' && 'nickName' in fields! && requestId !== undefined
    },
  )
  const elsewhere = createMenshen({ baseUrl: programs.serverUrl, app: 'nobody', wx: person.phone.wx })
  await assert.rejects(elsewhere.login(), { id: 'invalid_request' })
})
