/** Sequence diagram of the call log: three participants and an arrow for each call. */

import { byId, fill, h } from './dom.js'
import type { CallLog, Interaction, Step } from './call_log.js'
import { onLanguage, texts } from './language.js'
import { messageDetails, secretsIn, tokenClaims } from './message.js'

/** Draws the call log, now and after every change. */
export function drawSequenceDiagram(callLog: CallLog): void {
  const diagram = byId('diagram')
  const items = new Map<Step, HTMLElement>()
  const lists = new Map<Interaction, HTMLElement>()

  function drawInteraction(interaction: Interaction): HTMLElement {
    const list = h('ol', {}, ...interaction.steps.map(drawItem))
    lists.set(interaction, list)
    return h('section', {}, h('h3', {}, interaction.title()), list)
  }

  function drawItem(step: Step): HTMLElement {
    const item = drawStep(step)
    items.set(step, item)
    return item
  }

  function redraw(): void {
    items.clear()
    lists.clear()
    const { interactions } = callLog
    fill(diagram, ...(interactions.length ? interactions.map(drawInteraction) : [introduction()]))
    drawParticipants()
    scrollToEnd()
  }

  function scrollToEnd(): void {
    diagram.scrollTop = diagram.scrollHeight
  }

  callLog.onChange((interaction, changed) => {
    const list = lists.get(interaction)
    if (!list) {
      if (callLog.interactions.length === 1) fill(diagram)
      diagram.append(drawInteraction(interaction))
    } else if (changed) {
      const item = items.get(changed)
      if (item) item.replaceWith(drawItem(changed))
      else list.append(drawItem(changed))
    }
    scrollToEnd()
  })
  onLanguage(redraw)
  byId('start-over').addEventListener('cleared', redraw)
}

function drawParticipants(): void {
  const { phone, server, wechat } = texts().participants
  fill(
    byId('participants'),
    h('li', { class: 'phone' }, phone),
    h('li', {}, server),
    h('li', { class: 'wechat' }, wechat),
  )
}

function introduction(): HTMLElement {
  const { noCallsYet, roles } = texts()
  return h(
    'div',
    { class: 'introduction' },
    h('ul', {}, ...roles.map((role) => h('li', {}, role))),
    h('p', {}, noCallsYet),
  )
}

function drawStep(step: Step): HTMLElement {
  const { from, to, isRoundTrip, call, isPending, isLost, isFromAttacker } = step
  const classes = [
    'step',
    `${from}-${to}`,
    isRoundTrip && 'round-trip',
    isError(step) && 'error',
    isPending && 'pending',
    isLost && 'lost',
    isFromAttacker && 'attacker',
  ]
  const secrets = [step.request, step.response].flatMap((message) => (message ? secretsIn(message) : []))
  const { status, failure } = step
  const isResponse = isResponseToPhone(step)
  const outcome = failure ?? (isResponse && status !== undefined ? String(status) : undefined)
  const { participants, pending, responseLost } = texts()
  const direction =
    from === to
      ? participants[from]
      : `${participants[from]} ${isRoundTrip ? '⇄' : '→'} ${participants[to]}: `
  return h(
    'li',
    { class: classes.filter(Boolean).join(' ') },
    h(
      'div',
      { class: 'arrow' },
      h('span', { class: 'hidden' }, direction),
      h('code', {}, isResponse ? (status ? `${status} ${failure ?? 'OK'}` : '—') : call),
      !isResponse && outcome && from !== to && h('span', { class: 'outcome' }, outcome),
      isPending && h('span', { class: 'outcome' }, pending),
      isLost && h('span', { class: 'outcome' }, `✗ ${responseLost}`),
    ),
    h(
      'div',
      { class: 'notes' },
      secrets.length > 0 && h('p', { class: 'secrets' }, ...secrets),
      h('p', {}, explanation(step)),
      tokenClaims(step),
      messageDetails(step),
    ),
  )
}

function isResponseToPhone({ from, to }: Step): boolean {
  return from === 'server' && to === 'phone'
}

function isError({ status, failure }: Step): boolean {
  return Boolean(failure && failure !== 'refused') || (status ?? 0) >= 400
}

/** Explanation of a step for readers new to the WeChat login. */
function explanation(step: Step): string {
  const { explanations, failures } = texts()
  const { call, status, failure, isLost } = step
  if (failure === 'refused') return explanations['refused']!
  if (call === 'getPhoneNumber') return explanations['phone code']!
  const isResponse = isResponseToPhone(step)
  if (isLost && isResponse) return explanations[status ? 'response lost' : 'no response']!
  if (isLost) return explanations['connection closed']!
  if (failure) return failures[failure] ?? failure
  if (isResponse) return explanations[`response to ${call}`] ?? explanations['ok']!
  return explanations[call.replace(/^(DELETE \/me\/sessions)\/.*/, '$1')] ?? ''
}
