/** Renders pages of a mini program with WeChat's component simulator. */

import type { Phone } from './phone.js'

/** The user interface: records calls of the pages, and answers their questions. */
export class Simulator {
  /** Navigations, toasts and dialogs of the pages. */
  readonly log: string[] = []
  /** The user's answer to dialogs. */
  confirms = true
  /** Makes WeChat require consent to the privacy policy. */
  needsPrivacyConsent = true
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
    // The simulator supports only components, so a page becomes a component with the same data and methods.
    this.globals.Page = ({ data, ...methods }: any) => this.globals.Component({ data, methods })
    this.globals.App = (app: any) => app.onLaunch()
  }

  /** Starts the mini program. */
  launch(): void {
    require(`${this.root}/app.js`)
  }

  /** Opens a page. */
  open(path: string, query: Record<string, string> = {}): Page {
    const id = this.simulate.load(`${this.root}/${path}`, { rootPath: this.root })
    const component = this.simulate.render(id)
    component.attach(this.globals.document.body)
    component.instance.onLoad?.(query)
    return new Page(component, component.instance.onShow?.())
  }

  private userInterface(): object {
    const logNavigation =
      (name: string) =>
      ({ url }: { url: string }) =>
        void this.log.push(`${name} ${decodeURIComponent(url)}`)
    return {
      reLaunch: logNavigation('reLaunch'),
      redirectTo: logNavigation('redirectTo'),
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
        success({ needAuthorization: this.needsPrivacyConsent, privacyContractName: '《会员隐私保护指引》' }),
    }
  }
}

/** An open page. */
export class Page {
  constructor(
    private readonly component: any,
    /** Resolves when `onShow` of the page has finished. */
    readonly shown: Promise<void> | undefined,
  ) {}

  get data(): any {
    return this.component.data
  }

  /** Visible text of the page. */
  get text(): string {
    return this.component.dom.textContent
  }

  has(selector: string): boolean {
    return this.component.querySelector(selector) !== undefined
  }

  /** Dispatches an event to an element. */
  dispatch(selector: string, event: string, detail: object = {}): void {
    this.component.querySelector(selector).dispatchEvent(event, { detail })
  }
}
