/** The page of the offline WeChat: a phone to play with, and what happens underneath. */

import { complain, orComplain } from './complaint.js'
import { drawControls } from './controls.js'
import { byId, fill, h } from './dom.js'
import type { Device } from './device.js'
import { inLanguage, language, speak, texts } from './language.js'
import { devices } from './screens/devices.js'
import { login } from './screens/login.js'
import { profile } from './screens/profile.js'
import { revealAll } from './secrets.js'
import { drawTimeline } from './timeline.js'
import { World } from './world.js'

const SCREENS = { login, profile, devices }

/** The server's address: as this page's own address says, or the usual one beside this WeChat. */
function serverAddress(): string {
  const given = new URLSearchParams(location.search).get('server')
  if (!given) return `http://${location.hostname}:2020`
  if (!/^https?:\/\/[^/?#]/.test(given)) throw new Error(texts().wrongServer(given))
  return given.replace(/\/+$/, '')
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
  byId('timeline').setAttribute('aria-label', t.underneath)
}

/** Whoever changes the screen is told so: by the focus, on its heading. */
function drawPhone(world: World): () => void {
  let shown: [Device, string] | undefined
  return () => {
    const { held } = world
    const { screen, busy } = held
    const heading = { login: texts().signIn, profile: texts().profile, devices: texts().devices }[screen]
    fill(byId('bar'), busy && h('span', { class: 'weui-loading', 'aria-hidden': 'true' }), heading)
    byId('screen').setAttribute('aria-busy', String(busy))
    const isHere = byId('screen').contains(document.activeElement)
    fill(byId('screen'), SCREENS[screen](held))
    if (isHere && shown && (shown[0] !== held || shown[1] !== screen))
      byId('title').focus({ preventScroll: true })
    shown = [held, screen]
  }
}

async function checkServer(server: string): Promise<void> {
  try {
    await fetch(`${server}/health/live`)
  } catch {
    inLanguage(() => complain(texts().noServer(server)))
  }
}

async function start(): Promise<void> {
  inLanguage(drawPage)
  byId('language').addEventListener('click', () => speak(language() === 'en' ? 'zh-CN' : 'en'))
  byId('reveal').addEventListener('click', () => {
    const shown = byId('reveal').getAttribute('aria-pressed') !== 'true'
    byId('reveal').setAttribute('aria-pressed', String(shown))
    revealAll(shown)
  })
  const server = serverAddress()
  byId('docs').setAttribute('href', `${server}/docs`)
  const world = new World(server)
  await Promise.all([world.readUsers(), checkServer(server), world.journal.follow()])
  const draw = drawPhone(world)
  world.onChange(draw)
  inLanguage(draw)
  drawTimeline(world.journal)
  drawControls(world)
  byId('start-over').addEventListener('click', () => {
    const cleared = () => byId('start-over').dispatchEvent(new Event('cleared'))
    orComplain(world.startOver().then(cleared))
  })
  world.pick(world.device)
}

orComplain(start())
