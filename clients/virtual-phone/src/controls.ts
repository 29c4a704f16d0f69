/** Control panel: user, device, faults and clock. */

import { byId, fill, h } from './dom.js'
import { runInBackground } from './error_banner.js'
import { faults, type Fault } from './faults.js'
import { language, onLanguage, texts } from './language.js'
import * as sandbox from './sandbox.js'
import type { State } from './state.js'

/** Endpoint that exchanges a login code for a session. */
const CODE_EXCHANGE_PATH = '/sns/jscode2session'

/** Number of phone numbers for new users: 137 and eight digits. */
const PHONE_NUMBER_COUNT = 100_000_000

/** Draws the control panel, now and after every change. */
export function drawControls(state: State): void {
  let isBusy = false
  let now = 0

  async function refresh(): Promise<void> {
    const [pending, time] = await Promise.all([sandbox.faults(), sandbox.now()])
    isBusy = pending.some(({ path, errcode }) => path === CODE_EXCHANGE_PATH && errcode === -1)
    now = time
    draw()
  }

  const act = (operation: () => Promise<unknown>) => () => runInBackground(operation().then(refresh))

  async function toggleBusy(): Promise<void> {
    if (isBusy) await sandbox.clearFaults()
    else await sandbox.injectFault({ path: CODE_EXCHANGE_PATH, errcode: -1 })
  }

  async function addUser(): Promise<void> {
    const number = crypto.getRandomValues(new Uint32Array(1))[0]! % PHONE_NUMBER_COUNT
    const { user } = await sandbox.addUser(`137${String(number).padStart(8, '0')}`)
    await state.readUsers()
    state.selectUser(user)
  }

  async function toggleBlocked(): Promise<void> {
    await sandbox.block(state.user.user, !state.user.blocked)
    await state.readUsers()
  }

  function draw(): void {
    const t = texts()
    const { users, user, deviceName } = state
    fill(
      byId('users'),
      ...users.map(({ user: name }) =>
        choice(`user-${name}`, name, name === user.user, () => state.selectUser(name)),
      ),
      action('new-user', `+ ${t.newUser}`, act(addUser)),
    )
    fill(
      byId('device-choice'),
      choice('device-1', t.firstDevice, deviceName === '1', () => state.selectDevice('1')),
      choice('device-2', t.secondDevice, deviceName === '2', () => state.selectDevice('2')),
    )
    const phoneFault = (fault: Fault, name: string, hint: string) =>
      toggle(fault, name, hint, faults.isActive(fault), () => faults.toggle(fault))
    const canReplay = Boolean(state.intercepted.code)
    fill(
      byId('faults'),
      toggle('busy', t.busy, t.busyHint, isBusy, act(toggleBusy)),
      phoneFault('expired', t.expired, t.expiredHint),
      h(
        'li',
        {},
        action('replay', t.replayed, () => canReplay && act(() => state.replay())(), !canReplay),
        h('p', { class: 'hint', id: 'replay-hint' }, canReplay ? t.replayedHint : t.noCode),
      ),
      toggle('blocked', t.blocked, t.blockedHint, user.blocked, act(toggleBlocked)),
      phoneFault('slow', t.slow, t.slowHint),
      phoneFault('lost', t.lost, t.lostHint),
    )
    fill(
      byId('clock'),
      h('output', { id: 'now' }, new Date(now * 1000).toLocaleString(language())),
      action(
        'five-minutes',
        t.fiveMinutesLater,
        act(() => sandbox.advance(300)),
      ),
      action(
        'a-day',
        t.oneDayLater,
        act(() => sandbox.advance(86_400)),
      ),
    )
  }

  faults.onChange(draw)
  state.onChange(draw)
  state.callLog.onChange((_, step) => step?.to === 'wechat' && runInBackground(refresh()))
  onLanguage(draw)
  runInBackground(refresh())
}

function choice(id: string, label: string, isChosen: boolean, onclick: () => void): HTMLElement {
  return h(
    'button',
    { id, type: 'button', class: 'choice', 'aria-pressed': String(isChosen), onclick },
    label,
  )
}

function action(id: string, label: string, onclick: () => unknown, isDisabled = false): HTMLElement {
  const hintId = isDisabled ? `${id}-hint` : undefined
  return h(
    'button',
    {
      id,
      type: 'button',
      class: 'action',
      'aria-disabled': isDisabled ? 'true' : undefined,
      'aria-describedby': hintId,
      onclick: () => void onclick(),
    },
    label,
  )
}

function toggle(
  id: string,
  label: string,
  hint: string,
  isPressed: boolean,
  onclick: () => void,
): HTMLElement {
  return h(
    'li',
    {},
    h(
      'button',
      {
        id,
        type: 'button',
        class: 'action',
        'aria-pressed': String(isPressed),
        'aria-describedby': `${id}-hint`,
        onclick,
      },
      label,
    ),
    h('p', { class: 'hint', id: `${id}-hint` }, hint),
  )
}
