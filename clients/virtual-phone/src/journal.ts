/** What happens between the phone, our server and WeChat, in the order in which it happens. */

import * as sandbox from './sandbox.js'

export type Lane = 'phone' | 'server' | 'wechat'

/** What travels: headers that matter, and a body. */
export interface Message {
  line: string
  header?: Record<string, string>
  body?: unknown
}

/** One arrow between two of the three. */
export interface Step {
  from: Lane
  to: Lane
  /** There and back in one arrow. */
  both?: boolean
  /** The call, as programmers write it. */
  call: string
  request?: Message
  answer?: Message
  /** What the answer is: by its HTTP status and, where there is one, by the name of the failure. */
  status?: number
  failure?: string
  /** Still under way. */
  pending?: boolean
  /** The answer never arrives. */
  lost?: boolean
  /** Somebody other than the user's phone. */
  stranger?: boolean
}

/** Something somebody does, and everything that comes of it. */
export interface Chapter {
  title: () => string
  steps: Step[]
}

type Listener = (chapter: Chapter, step?: Step) => void

/** How often WeChat's log is looked at. Milliseconds. */
const EVERY = 700

export class Journal {
  readonly chapters: Chapter[] = []
  private readonly listeners: Listener[] = []
  /** The steps of WeChat's calls, by their numbers, as long as they have no answer. */
  private readonly open = new Map<number, { chapter: Chapter; step: Step }>()
  private seen = 0
  private reading: Promise<void> = Promise.resolve()

  onChange(listener: Listener): void {
    this.listeners.push(listener)
  }

  begin(title: () => string): void {
    const chapter = { title, steps: [] }
    this.chapters.push(chapter)
    this.tell(chapter)
  }

  /** Adds a step; the function that is returned tells what has become of it. */
  add(step: Step): (change: Partial<Step>) => void {
    const chapter = this.chapters.at(-1)!
    chapter.steps.push(step)
    this.tell(chapter, step)
    return (change) => {
      Object.assign(step, change)
      this.tell(chapter, step)
    }
  }

  /** Adds the server's answer, after what it asked WeChat until then, and returns what it says. */
  async answered(call: string, received: Response, marks: Partial<Step>): Promise<unknown> {
    const body = parsed(await received.text())
    await this.look()
    const { status } = received
    const failure = (body as { error?: string } | null)?.error
    const answer = { line: `HTTP ${status}`, body }
    this.add({ from: 'server', to: 'phone', call, status, failure, answer, ...marks })
    return body
  }

  clear(): void {
    this.chapters.length = 0
    this.open.clear()
  }

  /** From now on follows what WeChat is asked. */
  async follow(): Promise<void> {
    this.seen = (await sandbox.log(0)).at(-1)?.number ?? 0
    const look = async () => {
      await this.look()
      setTimeout(look, EVERY)
    }
    void look()
  }

  /** Looks at once: what WeChat was asked until now comes before what is added next. */
  look(): Promise<void> {
    this.reading = this.reading.then(() => this.read()).catch(() => {})
    return this.reading
  }

  private async read(): Promise<void> {
    const answered = Math.min(this.seen, ...[...this.open.keys()].map((number) => number - 1))
    const calls = await sandbox.log(answered)
    const last = calls.at(-1)
    if (last && last.number < this.seen) {
      // It was started anew.
      this.open.clear()
      this.seen = 0
    }
    for (const logged of calls) {
      const [step, under] = [wechatStep(logged), this.open.get(logged.number)]
      if (under) {
        if (step.pending) continue
        this.open.delete(logged.number)
        Object.assign(under.step, step)
        this.tell(under.chapter, under.step)
      } else if (logged.number > this.seen) {
        this.seen = logged.number
        const chapter = this.chapters.at(-1)
        if (!chapter) continue
        this.add(step)
        if (step.pending) this.open.set(logged.number, { chapter, step })
      }
    }
  }

  private tell(chapter: Chapter, step?: Step): void {
    this.listeners.forEach((listener) => listener(chapter, step))
  }
}

function wechatStep({ method, path, query, body, status, answer, dropped }: sandbox.Logged): Step {
  const asked = new URLSearchParams(query).toString()
  const said = answer === null ? undefined : parsed(answer)
  const errcode = (said as { errcode?: number } | undefined)?.errcode
  return {
    from: 'server',
    to: 'wechat',
    both: true,
    call: `${method} ${path}`,
    request: { line: `${method} ${path}`, body: body ? parsed(body) : asked ? query : undefined },
    answer: status === null ? undefined : { line: `HTTP ${status}`, body: said },
    status: status ?? undefined,
    failure: errcode ? `errcode ${errcode}` : undefined,
    pending: status === null && !dropped,
    lost: dropped,
  }
}

/** JSON where it is, else the text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
