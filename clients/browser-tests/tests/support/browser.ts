/** Browser for the tests. Unexpected errors of the page, the network or the accessibility check fail a test. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import axe from 'axe-core'
import { chromium, type Browser, type BrowserContext, type ConsoleMessage, type Page } from 'playwright-core'
import { pictures } from './programs.js'

/** Path of the browser. The default is the path in Debian's package. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/**
 * Flags that keep the browser from contacting other hosts than the test servers. Without its sandbox it
 * can also run as root.
 */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Maximum time for one step of a test, in milliseconds. It allows for a machine under load. */
const TIMEOUT_MS = 20_000

/** Slows down the CPU and the network, which reveals missing waits in tests and pages. */
const SLOW = process.env['SLOW'] === 'yes'

/** Window size, colour scheme and language of a browser. */
export interface View {
  width: number
  height: number
  scheme: 'light' | 'dark'
  language: 'zh-CN' | 'en'
}

export const DESKTOP: View = { width: 1360, height: 860, scheme: 'light', language: 'en' }
export const HANDSET: View = { width: 390, height: 844, scheme: 'light', language: 'en' }

let browser: Browser

/** Starts a browser before the tests of a file, and closes it after them. */
export function withBrowser(): void {
  before(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  })
  after(() => browser.close())
}

/** A user with a browser context of their own, without cookies or stored data. */
export class BrowserUser {
  /** Errors and warnings of the page and the network. */
  readonly errors: string[] = []

  private constructor(
    private readonly context: BrowserContext,
    readonly page: Page,
    private readonly expectedErrors: RegExp[],
  ) {}

  /** Opens a URL. Errors that match one of `expectedErrors` do not fail the test. */
  static async open(url: string, view: View, expectedErrors: RegExp[] = []): Promise<BrowserUser> {
    const { width, height, scheme, language } = view
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      locale: language,
      reducedMotion: 'reduce',
    })
    context.setDefaultTimeout(TIMEOUT_MS)
    const user = new BrowserUser(context, await context.newPage(), expectedErrors)
    user.collectErrors()
    if (SLOW) await slowDown(user.page)
    await user.page.goto(url)
    return user
  }

  private collectErrors(): void {
    const { page, errors } = this
    page.on('console', (message: ConsoleMessage) => {
      if (['error', 'warning'].includes(message.type())) {
        errors.push(`${message.type()}: ${message.text()} (${message.location().url})`)
      }
    })
    page.on('pageerror', (error) => errors.push(`exception: ${error.stack ?? error}`))
    page.on('dialog', (dialog) => {
      errors.push(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    page.on('request', (request) => {
      const url = new URL(request.url())
      const isLocal = url.hostname === '127.0.0.1' || ['data:', 'blob:'].includes(url.protocol)
      if (!isLocal) errors.push(`request to another host: ${url.href}`)
    })
  }

  /** Checks the accessibility of the current page with axe. */
  async expectAccessible(): Promise<void> {
    await this.page.evaluate(axe.source)
    const { violations } = await this.page.evaluate(() =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(document, { resultTypes: ['violations'] }),
    )
    const descriptions = violations.map(({ id, help, nodes }) => {
      const elements = nodes.map(({ target, failureSummary }) => `    ${target}: ${failureSummary}`)
      return [`${id}: ${help}`, ...elements].join('\n')
    })
    assert.deepEqual(descriptions, [])
  }

  /** Checks that the page does not scroll horizontally. */
  async expectNoOverflow(): Promise<void> {
    const [content, window] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ])
    assert.ok(content! <= window!, `${content} px of content in ${window} px`)
  }

  /** Saves a screenshot of the visible part of the page. */
  async screenshot(name: string): Promise<void> {
    await this.page.screenshot({ path: join(pictures, `${name}.png`) })
  }

  /** Closes the browser context, and fails if there were unexpected errors. */
  async close(): Promise<void> {
    await this.page.unrouteAll({ behavior: 'ignoreErrors' })
    await this.context.close()
    const isExpected = (error: string) => this.expectedErrors.some((pattern) => pattern.test(error))
    assert.deepEqual(
      this.errors.filter((error) => !isExpected(error)),
      [],
    )
  }
}

/** Reduces the CPU speed to a quarter, and delays every request by up to 400 ms. */
async function slowDown(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Emulation.setCPUThrottlingRate', { rate: 4 })
  await page.route('**', async (route) => {
    await setTimeout(Math.random() * 400)
    await route.continue()
  })
}
