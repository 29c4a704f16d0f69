/** What can be done to the phone, to WeChat and to the time. */

import { orComplain } from './complaint.js'
import { byId, fill, h } from './dom.js'
import { inLanguage, language, texts } from './language.js'
import * as sandbox from './sandbox.js'
import { trouble, type Trouble } from './trouble.js'
import type { World } from './world.js'

/** Where a code is exchanged for who it is of. */
const EXCHANGE = '/sns/jscode2session'

/** How many names the page makes up phone numbers from: 137 and eight digits. */
const NUMBERS = 100_000_000

export function drawControls(world: World): void {
  let busy = false
  let now = 0

  async function refresh(): Promise<void> {
    const [faults, time] = await Promise.all([sandbox.faults(), sandbox.now()])
    busy = faults.some(({ path, errcode }) => path === EXCHANGE && errcode === -1)
    now = time
    draw()
  }

  const act = (what: () => Promise<unknown>) => () => orComplain(what().then(refresh))

  async function toggleBusy(): Promise<void> {
    if (busy) await sandbox.clearFaults()
    else await sandbox.fault({ path: EXCHANGE, errcode: -1 })
  }

  async function newUser(): Promise<void> {
    const number = crypto.getRandomValues(new Uint32Array(1))[0]! % NUMBERS
    const { user } = await sandbox.addUser(`137${String(number).padStart(8, '0')}`)
    await world.readUsers()
    world.hold(user)
  }

  async function toggleBlocked(): Promise<void> {
    await sandbox.block(world.user.user, !world.user.blocked)
    await world.readUsers()
  }

  function draw(): void {
    const t = texts()
    const { users, user, device } = world
    fill(
      byId('people'),
      ...users.map(({ user: name }) =>
        choice(`user-${name}`, name, name === user.user, () => world.hold(name)),
      ),
      action('new-user', `+ ${t.newUser}`, act(newUser)),
    )
    fill(
      byId('devices-held'),
      choice('device-1', t.firstDevice, device === '1', () => world.pick('1')),
      choice('device-2', t.secondDevice, device === '2', () => world.pick('2')),
    )
    const mine = (which: Trouble, name: string, hint: string) =>
      toggle(which, name, hint, trouble.on(which), () => trouble.toggle(which))
    const canReplay = Boolean(world.overheard.code)
    fill(
      byId('troubles'),
      toggle('busy', t.busy, t.busyHint, busy, act(toggleBusy)),
      mine('expired', t.expired, t.expiredHint),
      h(
        'li',
        {},
        action('replay', t.replayed, () => canReplay && act(() => world.replay())(), !canReplay),
        h('p', { class: 'hint', id: 'replay-hint' }, canReplay ? t.replayedHint : t.noCode),
      ),
      toggle('blocked', t.blocked, t.blockedHint, user.blocked, act(toggleBlocked)),
      mine('slow', t.slow, t.slowHint),
      mine('lost', t.lost, t.lostHint),
    )
    fill(
      byId('clock'),
      h('output', { id: 'now' }, new Date(now * 1000).toLocaleString(language())),
      action(
        'five-minutes',
        t.later,
        act(() => sandbox.advance(300)),
      ),
      action(
        'a-day',
        t.muchLater,
        act(() => sandbox.advance(86_400)),
      ),
    )
  }

  trouble.onChange(draw)
  world.onChange(draw)
  world.journal.onChange((_, step) => step?.to === 'wechat' && orComplain(refresh()))
  inLanguage(draw)
  orComplain(refresh())
}

function choice(id: string, label: string, chosen: boolean, onclick: () => void): HTMLElement {
  return h('button', { id, type: 'button', class: 'choice', 'aria-pressed': String(chosen), onclick }, label)
}

function action(id: string, label: string, onclick: () => unknown, disabled = false): HTMLElement {
  const described = disabled ? `${id}-hint` : undefined
  return h(
    'button',
    {
      id,
      type: 'button',
      class: 'action',
      'aria-disabled': disabled ? 'true' : undefined,
      'aria-describedby': described,
      onclick: () => void onclick(),
    },
    label,
  )
}

function toggle(id: string, label: string, hint: string, pressed: boolean, onclick: () => void): HTMLElement {
  return h(
    'li',
    {},
    h(
      'button',
      {
        id,
        type: 'button',
        class: 'action',
        'aria-pressed': String(pressed),
        'aria-describedby': `${id}-hint`,
        onclick,
      },
      label,
    ),
    h('p', { class: 'hint', id: `${id}-hint` }, hint),
  )
}
