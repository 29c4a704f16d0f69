/** Log of the calls between phone, server and WeChat, in their order. */

import * as sandbox from './sandbox.js'

export type Participant = 'phone' | 'server' | 'wechat'

/** Request or response: first line, relevant headers and body. */
export interface Message {
  line: string
  header?: Record<string, string>
  body?: unknown
}

/** Arrow between two participants. */
export interface Step {
  from: Participant
  to: Participant
  /** Request and response in one arrow. */
  isRoundTrip?: boolean
  /** Call, for example `POST /login`. */
  call: string
  request?: Message
  response?: Message
  /** HTTP status of the response. */
  status?: number
  /** Error id or errcode of the response. */
  failure?: string
  isPending?: boolean
  /** The response never arrives. */
  isLost?: boolean
  /** The sender is an attacker, not the user's phone. */
  isFromAttacker?: boolean
}

/** Action of a user and the calls that follow from it. */
export interface Interaction {
  title: () => string
  steps: Step[]
}

type Listener = (interaction: Interaction, step?: Step) => void

/** Interval between two reads of WeChat's log, in milliseconds. */
const POLL_INTERVAL_MS = 700

export class CallLog {
  readonly interactions: Interaction[] = []
  private readonly listeners: Listener[] = []
  /** Steps of WeChat's calls without a response yet, by number. */
  private readonly pending = new Map<number, { interaction: Interaction; step: Step }>()
  private lastNumber = 0
  private reading: Promise<void> = Promise.resolve()

  onChange(listener: Listener): void {
    this.listeners.push(listener)
  }

  begin(title: () => string): void {
    const interaction = { title, steps: [] }
    this.interactions.push(interaction)
    this.notify(interaction)
  }

  /** Adds a step and returns the function that updates it. */
  add(step: Step): (change: Partial<Step>) => void {
    const interaction = this.interactions.at(-1)!
    interaction.steps.push(step)
    this.notify(interaction, step)
    return (change) => {
      Object.assign(step, change)
      this.notify(interaction, step)
    }
  }

  /** Adds the server's response after the calls that the server made to WeChat, and returns its body. */
  async addResponse(call: string, received: Response, marks: Partial<Step>): Promise<unknown> {
    const body = parse(await received.text())
    await this.poll()
    const { status } = received
    const failure = (body as { error?: string } | null)?.error
    const response = { line: `HTTP ${status}`, body }
    this.add({ from: 'server', to: 'phone', call, status, failure, response, ...marks })
    return body
  }

  clear(): void {
    this.interactions.length = 0
    this.pending.clear()
  }

  /** Starts to poll WeChat's log; earlier calls are skipped. */
  async follow(): Promise<void> {
    this.lastNumber = (await sandbox.log(0)).at(-1)?.number ?? 0
    const pollAgain = async () => {
      await this.poll()
      setTimeout(pollAgain, POLL_INTERVAL_MS)
    }
    void pollAgain()
  }

  /** Reads WeChat's log at once, so that its calls precede the steps that are added next. */
  poll(): Promise<void> {
    this.reading = this.reading.then(() => this.read()).catch(() => {})
    return this.reading
  }

  private async read(): Promise<void> {
    const answered = Math.min(this.lastNumber, ...[...this.pending.keys()].map((number) => number - 1))
    const calls = await sandbox.log(answered)
    const last = calls.at(-1)
    if (last && last.number < this.lastNumber) {
      // The numbers start at 1 again after a restart of the sandbox.
      this.pending.clear()
      this.lastNumber = 0
    }
    for (const logged of calls) {
      const step = wechatStep(logged)
      const known = this.pending.get(logged.number)
      if (known) {
        if (step.isPending) continue
        this.pending.delete(logged.number)
        Object.assign(known.step, step)
        this.notify(known.interaction, known.step)
      } else if (logged.number > this.lastNumber) {
        this.lastNumber = logged.number
        const interaction = this.interactions.at(-1)
        if (!interaction) continue
        this.add(step)
        if (step.isPending) this.pending.set(logged.number, { interaction, step })
      }
    }
  }

  private notify(interaction: Interaction, step?: Step): void {
    this.listeners.forEach((listener) => listener(interaction, step))
  }
}

function wechatStep({ method, path, query, body, status, answer, dropped }: sandbox.LoggedCall): Step {
  const hasQuery = Object.keys(query).length > 0
  const responseBody = answer === null ? undefined : parse(answer)
  const errcode = (responseBody as { errcode?: number } | undefined)?.errcode
  return {
    from: 'server',
    to: 'wechat',
    isRoundTrip: true,
    call: `${method} ${path}`,
    request: { line: `${method} ${path}`, body: body ? parse(body) : hasQuery ? query : undefined },
    response: status === null ? undefined : { line: `HTTP ${status}`, body: responseBody },
    status: status ?? undefined,
    failure: errcode ? `errcode ${errcode}` : undefined,
    isPending: status === null && !dropped,
    isLost: dropped,
  }
}

/** Parses JSON; returns any other text unchanged. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
