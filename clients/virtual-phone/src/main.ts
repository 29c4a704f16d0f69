/** Page of the WeChat sandbox: a virtual phone and the sequence diagram of its calls. */

import { drawControls } from './controls.js'
import { byId, fill, h } from './dom.js'
import type { Device } from './device.js'
import { runInBackground, showError } from './error_banner.js'
import { language, onLanguage, setLanguage, texts } from './language.js'
import { devices } from './screens/devices.js'
import { login } from './screens/login.js'
import { profile } from './screens/profile.js'
import { revealAll } from './secrets.js'
import { drawSequenceDiagram } from './sequence_diagram.js'
import { State } from './state.js'

const SCREENS = { login, profile, devices }

/** Address of the server: the `server` parameter, or port 2020 of the sandbox's host. */
function serverAddress(): string {
  const parameter = new URLSearchParams(location.search).get('server')
  if (!parameter) return `http://${location.hostname}:2020`
  if (!/^https?:\/\/[^/?#]/.test(parameter)) throw new Error(texts().invalidServer(parameter))
  return parameter.replace(/\/+$/, '')
}

function drawPage(): void {
  const t = texts()
  document.documentElement.lang = language()
  document.title = t.title
  for (const element of document.querySelectorAll<HTMLElement>('[data-text]')) {
    const text = t[element.dataset['text'] as keyof typeof t]
    if (typeof text === 'string') element.textContent = text
  }
  byId('language').lang = language() === 'en' ? 'zh-CN' : 'en'
  byId('phone').setAttribute('aria-label', t.phone)
  byId('diagram').setAttribute('aria-label', t.sequence)
}

/** Returns the function that draws the phone. A change of the screen moves the focus to its heading. */
function createPhoneRenderer(state: State): () => void {
  let drawn: [Device, string] | undefined
  return () => {
    const { device } = state
    const { screen, isBusy } = device
    const heading = { login: texts().signIn, profile: texts().profile, devices: texts().devices }[screen]
    fill(byId('bar'), isBusy && h('span', { class: 'weui-loading', 'aria-hidden': 'true' }), heading)
    byId('screen').setAttribute('aria-busy', String(isBusy))
    const hasFocus = byId('screen').contains(document.activeElement)
    fill(byId('screen'), SCREENS[screen](device))
    if (hasFocus && drawn && (drawn[0] !== device || drawn[1] !== screen))
      byId('title').focus({ preventScroll: true })
    drawn = [device, screen]
  }
}

async function checkServer(server: string): Promise<void> {
  try {
    await fetch(`${server}/health/live`)
  } catch {
    onLanguage(() => showError(texts().serverUnreachable(server)))
  }
}

async function start(): Promise<void> {
  onLanguage(drawPage)
  byId('language').addEventListener('click', () => setLanguage(language() === 'en' ? 'zh-CN' : 'en'))
  byId('reveal').addEventListener('click', () => {
    const isRevealed = byId('reveal').getAttribute('aria-pressed') !== 'true'
    byId('reveal').setAttribute('aria-pressed', String(isRevealed))
    revealAll(isRevealed)
  })
  const server = serverAddress()
  byId('docs').setAttribute('href', `${server}/docs`)
  const state = new State(server)
  await Promise.all([state.readUsers(), checkServer(server), state.callLog.follow()])
  const drawPhone = createPhoneRenderer(state)
  state.onChange(drawPhone)
  onLanguage(drawPhone)
  drawSequenceDiagram(state.callLog)
  drawControls(state)
  byId('start-over').addEventListener('click', () => {
    const dispatchCleared = () => byId('start-over').dispatchEvent(new Event('cleared'))
    runInBackground(state.startOver().then(dispatchCleared))
  })
  state.selectDevice(state.deviceName)
}

runInBackground(start())
