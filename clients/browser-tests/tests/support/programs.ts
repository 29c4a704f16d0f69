/** The server and the WeChat sandbox, which `cargo xtask test` starts for each test file. */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export const serverUrl = setting('SERVER_URL')
export const sandboxUrl = setting('SANDBOX_URL')

/** URL of the sandbox's virtual phone. */
export const phonePage = setting('PHONE_PAGE')

/** Folder for screenshots. */
export const pictures = setting('PICTURES')

/** Runs a `menshen` command with the server's settings, which are in the environment. Returns its output. */
export async function menshen(...args: string[]): Promise<string> {
  return (await promisify(execFile)(setting('MENSHEN'), args)).stdout
}

/** Calls the control API of the WeChat sandbox. */
export async function sandbox(method: string, path: string, body?: object): Promise<any> {
  const json = body && JSON.stringify(body)
  const response = await fetch(`${sandboxUrl}/_sandbox/${path}`, { method, body: json })
  if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
  return response.json()
}

function setting(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run the tests with cargo xtask test`)
  return value
}
