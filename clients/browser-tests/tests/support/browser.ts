/** A browser whose every complaint fails the test: of the page, of the network, of the accessibility. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import axe from 'axe-core'
import { chromium, type Browser, type BrowserContext, type ConsoleMessage, type Page } from 'playwright-core'
import { pictures } from './programs.js'

/** Where Debian's package puts it. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** What keeps it from asking anybody but the servers of the test; without a sandbox it runs as root, too. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Milliseconds in which a page does what it is to do, on a machine with much else to do. */
const PATIENCE = 20_000

/** Whether everybody has an old device and a bad network: where a test or a page does not wait, it shows. */
const SLOW = process.env['SLOW'] === 'yes'

/** How somebody looks at a page. */
export interface View {
  width: number
  height: number
  scheme: 'light' | 'dark'
  language: 'zh-CN' | 'en'
}

export const DESKTOP: View = { width: 1360, height: 860, scheme: 'light', language: 'en' }
export const HANDSET: View = { width: 390, height: 844, scheme: 'light', language: 'en' }

let browser: Browser

/** Has a browser for the tests of a file. */
export function withBrowser(): void {
  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  })
  after(() => browser.close())
}

/** Somebody with a browser of their own, with no cookie and nothing stored yet. */
export class Visitor {
  /** What the page or the network complained of. */
  readonly complaints: string[] = []

  private constructor(
    private readonly context: BrowserContext,
    readonly page: Page,
    private readonly expected: RegExp[],
  ) {}

  /** Opens the address; of complaints, only what is `expected` passes. */
  static async at(url: string, view: View, expected: RegExp[] = []): Promise<Visitor> {
    const { width, height, scheme, language } = view
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      locale: language,
      reducedMotion: 'reduce',
    })
    context.setDefaultTimeout(PATIENCE)
    const visitor = new Visitor(context, await context.newPage(), expected)
    visitor.listen()
    if (SLOW) await slowDown(visitor.page)
    await visitor.page.goto(url)
    return visitor
  }

  private listen(): void {
    const { page, complaints } = this
    page.on('console', (message: ConsoleMessage) => {
      if (['error', 'warning'].includes(message.type())) {
        complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`)
      }
    })
    page.on('pageerror', (error) => complaints.push(`thrown: ${error.stack ?? error}`))
    page.on('dialog', (dialog) => {
      complaints.push(`a dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('request', (request) => {
      const url = new URL(request.url())
      const isHere = url.hostname === '127.0.0.1' || ['data:', 'blob:'].includes(url.protocol)
      if (!isHere) complaints.push(`a request to elsewhere: ${url.href}`)
    })
  }

  /** Somebody who cannot see, or has no mouse, must be able to use what is shown now. */
  async accessible(): Promise<void> {
    await this.page.evaluate(axe.source)
    const { violations } = await this.page.evaluate(() =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ['violations'] }),
    )
    const told = violations.map(({ id, help, nodes }) => {
      const where = nodes.map(({ target, failureSummary }) => `    ${target}: ${failureSummary}`)
      return [`${id}: ${help}`, ...where].join('\n')
    })
    assert.deepEqual(told, [])
  }

  /** Nothing may stick out of the page's sides. */
  async fits(): Promise<void> {
    const [content, window] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ])
    assert.ok(content! <= window!, `${content} px of content in ${window} px`)
  }

  /** Keeps a picture of what is shown. */
  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: join(pictures, `${name}.png`) })
  }

  /** Closes the browser; nothing unexpected may have been complained of. */
  async leave(): Promise<void> {
    await this.page.unrouteAll({ behavior: 'ignoreErrors' })
    await this.context.close()
    const unexpected = this.complaints.filter((told) => !this.expected.some((known) => known.test(told)))
    assert.deepEqual(unexpected, [])
  }
}

/** A quarter of the speed, and every request late by up to 400 ms, each by itself. */
async function slowDown(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 4 })
  await page.route('**', async (route) => {
    await setTimeout(Math.random() * 400)
    await route.continue()
  })
}
