/** The server and the WeChat sandbox, started by a test and terminated with it. */

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers'
import { network } from './transport.js'

/** Root of the repository, with the server's configuration. */
const REPOSITORY = join(__dirname, '../../../../..')

/** Folder of the programs that cargo built. */
const PROGRAM_FOLDER = process.env['MENSHEN_PROGRAMS'] ?? join(REPOSITORY, 'target/debug')

/**
 * Shell script that runs a program until its standard input closes, which the kernel does when the test ends.
 */
const SUPERVISOR = `
exec 3<&0 </dev/null 4>&2 2>/dev/null
"$@" 3<&- 2>&4 &
program=$!
{ read -r _ <&3; kill -9 "$program"; } &
wait "$program"
`

/** A server and its sandbox, with their own data. */
export class Programs {
  serverUrl = ''
  sandboxUrl = ''
  /** Temporary folder for the server's data and for files of the test. */
  readonly folder = mkdtempSync(join(tmpdir(), 'menshen-'))
  private readonly running = new Map<string, ChildProcess>()

  static async start(): Promise<Programs> {
    const programs = new Programs()
    const serverPort = await freePort()
    const sandboxPort = await freePort()
    programs.serverUrl = `http://127.0.0.1:${serverPort}`
    programs.sandboxUrl = `http://127.0.0.1:${sandboxPort}`
    programs.run('wechat-sandbox', ['--listen', `127.0.0.1:${sandboxPort}`])
    await programs.waitUntilReady('wechat-sandbox', `${programs.sandboxUrl}/_sandbox/users`)
    await programs.startServer()
    return programs
  }

  /** Starts the server, with the data of its previous run. */
  async startServer(): Promise<void> {
    this.run('menshen', ['serve'])
    await this.waitUntilReady('menshen', `${this.serverUrl}/health/ready`)
  }

  /** Kills the server. */
  async killServer(): Promise<void> {
    await this.kill('menshen')
  }

  /** Runs a `menshen` command, and returns its output. */
  command(...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(join(PROGRAM_FOLDER, 'menshen'), args, { cwd: REPOSITORY, env: this.environment() })
      let output = ''
      child.stdout.on('data', (chunk: Buffer) => (output += chunk))
      child.on('error', reject)
      child.on('close', (code) =>
        code === 0 ? resolve(output) : reject(new Error(`menshen ${args[0]} exited with ${code}`)),
      )
    })
  }

  async stop(): Promise<void> {
    for (const name of [...this.running.keys()]) await this.kill(name)
    rmSync(this.folder, { recursive: true })
  }

  /** Calls the control API of the sandbox. */
  async sandbox(method: string, path: string, body?: object): Promise<any> {
    const url = `${this.sandboxUrl}/_sandbox/${path}`
    const response = await network({ method, url, headers: {}, body: body && JSON.stringify(body) })
    if (response.status !== 200) throw new Error(`${method} ${path}: ${response.body}`)
    return JSON.parse(response.body)
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
    const child = spawn('sh', ['-c', SUPERVISOR, name, join(PROGRAM_FOLDER, name), ...args], {
      cwd: REPOSITORY,
      env: this.environment(),
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    this.running.set(name, child)
  }

  private async kill(name: string): Promise<void> {
    const child = this.running.get(name)
    this.running.delete(name)
    if (!child || child.exitCode !== null) return
    const exited = new Promise((resolve) => child.on('exit', resolve))
    child.stdin?.end()
    await exited
  }

  private async waitUntilReady(name: string, url: string): Promise<void> {
    const child = this.running.get(name)
    const isReady = () =>
      network({ method: 'GET', url, headers: {} }).then(
        ({ status }) => status === 200,
        () => false,
      )
    for (let attempt = 0; attempt < 300 && child?.exitCode === null; attempt++) {
      if (await isReady()) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await this.stop()
    throw new Error(`${name} does not respond at ${url}: is it built, in ${PROGRAM_FOLDER}?`)
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}
