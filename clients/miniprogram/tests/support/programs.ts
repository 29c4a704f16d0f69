/** The real programs: the server and the offline WeChat, started by a test and never outliving it. */

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers'
import { network } from './transport.js'

/** Where the server finds its configuration. */
const REPOSITORY = join(__dirname, '../../../../..')

/** Where cargo has built them. */
const PROGRAMS = process.env['MENSHEN_PROGRAMS'] ?? join(REPOSITORY, 'target/debug')

/** Runs its arguments until it loses its standard input, which the kernel closes when the test dies. */
const GUARD = `
exec 3<&0 </dev/null 4>&2 2>/dev/null
"$@" 3<&- 2>&4 &
program=$!
{ read -r _ <&3; kill -9 "$program"; } &
wait "$program"
`

/** A server and its offline WeChat, with data of their own. */
export class Programs {
  serverUrl = ''
  sandboxUrl = ''
  /** Where the server keeps its data, and a test what it likes. */
  readonly folder = mkdtempSync(join(tmpdir(), 'menshen-'))
  private readonly running = new Map<string, ChildProcess>()

  static async start(): Promise<Programs> {
    const programs = new Programs()
    const [server, sandbox] = [await freePort(), await freePort()]
    programs.serverUrl = `http://127.0.0.1:${server}`
    programs.sandboxUrl = `http://127.0.0.1:${sandbox}`
    programs.run('wechat-sandbox', ['--listen', `127.0.0.1:${sandbox}`])
    await programs.ready('wechat-sandbox', `${programs.sandboxUrl}/_sandbox/users`)
    await programs.startServer()
    return programs
  }

  /** Starts the server, with the data it had before. */
  async startServer(): Promise<void> {
    this.run('menshen', ['serve'])
    await this.ready('menshen', `${this.serverUrl}/health/ready`)
  }

  /** Ends the server at once, whatever it is doing. */
  async killServer(): Promise<void> {
    await this.end('menshen')
  }

  /** Runs a command of the server's program, and returns what it prints. */
  command(...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(join(PROGRAMS, 'menshen'), args, { cwd: REPOSITORY, env: this.environment() })
      let printed = ''
      child.stdout.on('data', (chunk: Buffer) => (printed += chunk))
      child.on('error', reject)
      child.on('close', (code) =>
        code === 0 ? resolve(printed) : reject(new Error(`menshen ${args[0]} ended with ${code}`)),
      )
    })
  }

  async stop(): Promise<void> {
    for (const name of [...this.running.keys()]) await this.end(name)
    rmSync(this.folder, { recursive: true })
  }

  /** Asks the offline WeChat's control face. */
  async sandbox(method: string, path: string, body?: object): Promise<any> {
    const url = `${this.sandboxUrl}/_sandbox/${path}`
    const answer = await network({ method, url, headers: {}, body: body && JSON.stringify(body) })
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.body}`)
    return JSON.parse(answer.body)
  }

  private environment(): NodeJS.ProcessEnv {
    return {
      PATH: process.env['PATH'],
      MENSHEN_PROFILE: 'development',
      MENSHEN_HTTP__LISTEN: new URL(this.serverUrl).host,
      MENSHEN_WECHAT__BASE_URL: this.sandboxUrl,
      MENSHEN_DATABASE__URL: `sqlite://${join(this.folder, 'menshen.db')}`,
      MENSHEN_TOKENS__KEY_FOLDER: this.folder,
      MENSHEN_TOKENS__SIGNING_KEY_PREPUBLISH: '3',
    }
  }

  private run(name: string, args: string[]): void {
    const child = spawn('sh', ['-c', GUARD, name, join(PROGRAMS, name), ...args], {
      cwd: REPOSITORY,
      env: this.environment(),
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    this.running.set(name, child)
  }

  private async end(name: string): Promise<void> {
    const child = this.running.get(name)
    this.running.delete(name)
    if (!child || child.exitCode !== null) return
    const ended = new Promise((resolve) => child.on('exit', resolve))
    child.stdin?.end()
    await ended
  }

  private async ready(name: string, url: string): Promise<void> {
    const child = this.running.get(name)
    for (let tries = 0; tries < 300 && child?.exitCode === null; tries++) {
      const answer = network({ method: 'GET', url, headers: {} })
      if (
        await answer.then(
          ({ status }) => status === 200,
          () => false,
        )
      )
        return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await this.stop()
    throw new Error(`${name} does not answer at ${url}: is it built, in ${PROGRAMS}?`)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const holder = createServer()
    holder.on('error', reject)
    holder.listen(0, '127.0.0.1', () => {
      const address = holder.address()
      holder.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
