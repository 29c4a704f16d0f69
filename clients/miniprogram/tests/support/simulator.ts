/** Pages of a mini program, rendered by WeChat's own simulator of components. */

import type { Phone } from './phone.js'

/** What the pages asked of the user interface, and what the user answers. */
export class Simulator {
  /** Where the pages went, and what they told. */
  readonly log: string[] = []
  /** What the user says to the next dialogue. */
  confirms = true
  /** Whether WeChat wants the privacy contract agreed to. */
  needsAgreement = true
  private readonly simulate: any
  private readonly globals = globalThis as any

  constructor(
    phone: Phone,
    private readonly root: string,
  ) {
    const { JSDOM } = require('jsdom')
    const { window } = new JSDOM('<!doctype html><body></body>', { pretendToBeVisual: true })
    Object.assign(this.globals, { window, document: window.document })
    for (const name of ['Event', 'CustomEvent', 'MutationObserver', 'getComputedStyle'])
      this.globals[name] = window[name]
    this.simulate = require('miniprogram-simulate')
    this.globals.wx = { ...phone.wx, ...this.userInterface() }
    // The simulator knows components; a page is one whose methods stand beside its data.
    this.globals.Page = ({ data, ...methods }: any) => this.globals.Component({ data, methods })
    this.globals.App = (app: any) => app.onLaunch()
  }

  /** Starts the mini program. */
  launch(): void {
    require(`${this.root}/app.js`)
  }

  /** Opens a page as WeChat would. */
  open(path: string, query: Record<string, string> = {}): Page {
    const id = this.simulate.load(`${this.root}/${path}`, { rootPath: this.root })
    const component = this.simulate.render(id)
    component.attach(this.globals.document.body)
    component.instance.onLoad?.(query)
    return new Page(component, component.instance.onShow?.())
  }

  private userInterface(): object {
    const goes =
      (how: string) =>
      ({ url }: { url: string }) =>
        void this.log.push(`${how} ${decodeURIComponent(url)}`)
    return {
      reLaunch: goes('reLaunch'),
      redirectTo: goes('redirectTo'),
      showToast: ({ title }: { title: string }) => void this.log.push(`toast ${title}`),
      openPrivacyContract: () => void this.log.push('contract'),
      showModal: ({
        content,
        success,
      }: {
        content: string
        success: (answer: { confirm: boolean }) => void
      }) => {
        this.log.push(`modal ${content}`)
        success({ confirm: this.confirms })
      },
      getPrivacySetting: ({ success }: { success: (setting: object) => void }) =>
        success({ needAuthorization: this.needsAgreement, privacyContractName: '《会员隐私保护指引》' }),
    }
  }
}

/** A page that is open. */
export class Page {
  constructor(
    private readonly component: any,
    /** When what it shows first is there. */
    readonly shown: Promise<void> | undefined,
  ) {}

  get data(): any {
    return this.component.data
  }

  /** What the user reads. */
  get text(): string {
    return this.component.dom.textContent
  }

  has(selector: string): boolean {
    return this.component.querySelector(selector) !== undefined
  }

  /** Does something to an element, as WeChat reports it. */
  does(selector: string, event: string, detail: object = {}): void {
    this.component.querySelector(selector).dispatchEvent(event, { detail })
  }
}
