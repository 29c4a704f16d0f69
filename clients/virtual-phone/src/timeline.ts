/** The journal, drawn: three lanes, and an arrow for each call. */

import { byId, fill, h } from './dom.js'
import type { Chapter, Journal, Step } from './journal.js'
import { inLanguage, texts } from './language.js'
import { carried, exchange, opened } from './message.js'

/** Draws the journal, now and whenever something is added to it. */
export function drawTimeline(journal: Journal): void {
  const place = byId('timeline')
  const drawn = new Map<Step, HTMLElement>()
  const lists = new Map<Chapter, HTMLElement>()

  function chapter(of: Chapter): HTMLElement {
    const list = h('ol', {}, ...of.steps.map(step))
    lists.set(of, list)
    return h('section', {}, h('h3', {}, of.title()), list)
  }

  function step(of: Step): HTMLElement {
    const item = drawStep(of)
    drawn.set(of, item)
    return item
  }

  function redraw(): void {
    drawn.clear()
    lists.clear()
    fill(place, ...(journal.chapters.length ? journal.chapters.map(chapter) : [introduction()]))
    lanes()
    toEnd()
  }

  function toEnd(): void {
    place.scrollTop = place.scrollHeight
  }

  journal.onChange((of, changed) => {
    const list = lists.get(of)
    if (!list) {
      if (journal.chapters.length === 1) fill(place)
      place.append(chapter(of))
    } else if (changed) {
      const before = drawn.get(changed)
      if (before) before.replaceWith(step(changed))
      else list.append(step(changed))
    }
    toEnd()
  })
  inLanguage(redraw)
  byId('start-over').addEventListener('cleared', redraw)
}

function lanes(): void {
  const { phone, server, wechat } = texts().lanes
  fill(
    byId('lanes'),
    h('li', { class: 'phone' }, phone),
    h('li', {}, server),
    h('li', { class: 'wechat' }, wechat),
  )
}

function introduction(): HTMLElement {
  const { nothingYet, roles } = texts()
  return h(
    'div',
    { class: 'introduction' },
    h('ul', {}, ...roles.map((role) => h('li', {}, role))),
    h('p', {}, nothingYet),
  )
}

function drawStep(step: Step): HTMLElement {
  const { from, to, both, call, pending, lost, stranger } = step
  const classes = [
    'step',
    `${from}-${to}`,
    both && 'both',
    isBad(step) && 'bad',
    pending && 'pending',
    lost && 'lost',
    stranger && 'stranger',
  ]
  const chips = [step.request, step.answer].flatMap((message) => (message ? carried(message) : []))
  const { status, failure } = step
  const isAnswer = from === 'server' && to === 'phone'
  const outcome = failure ?? (isAnswer && status !== undefined ? String(status) : undefined)
  const { lanes, underWay, lostOnTheWay } = texts()
  const whereTo = from === to ? lanes[from] : `${lanes[from]} ${both ? '⇄' : '→'} ${lanes[to]}: `
  return h(
    'li',
    { class: classes.filter(Boolean).join(' ') },
    h(
      'div',
      { class: 'arrow' },
      h('span', { class: 'hidden' }, whereTo),
      h('code', {}, isAnswer ? (status ? `${status} ${failure ?? 'OK'}` : '—') : call),
      !isAnswer && outcome && from !== to && h('span', { class: 'outcome' }, outcome),
      pending && h('span', { class: 'outcome' }, underWay),
      lost && h('span', { class: 'outcome' }, `✗ ${lostOnTheWay}`),
    ),
    h(
      'div',
      { class: 'about' },
      chips.length > 0 && h('p', { class: 'chips' }, ...chips),
      h('p', {}, said(step)),
      opened(step),
      exchange(step),
    ),
  )
}

function isBad({ status, failure }: Step): boolean {
  return Boolean(failure && failure !== 'refused') || (status ?? 0) >= 400
}

/** What the step means, for somebody who has never seen one. */
function said(step: Step): string {
  const { says, fails } = texts()
  const { from, to, call, status, failure, lost } = step
  if (failure === 'refused') return says['refused']!
  if (call === 'getPhoneNumber') return says['phone code']!
  const isAnswer = from === 'server' && to === 'phone'
  if (lost && isAnswer) return says[status ? 'lost' : 'silence']!
  if (lost) return says['dropped']!
  if (failure) return fails[failure] ?? failure
  if (isAnswer) return says[`welcomed ${call}`] ?? says['ok']!
  return says[call.replace(/^(DELETE \/me\/sessions)\/.*/, '$1')] ?? ''
}
