/** The server and its offline WeChat, which `cargo xtask test` started for each file of tests. */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export const serverUrl = setting('SERVER_URL')
export const sandboxUrl = setting('SANDBOX_URL')

/** The address of the phone that the offline WeChat shows. */
export const phonePage = setting('PHONE_PAGE')

/** Where pictures of the pages are kept. */
export const pictures = setting('PICTURES')

/** Runs a command of the server's program, whose settings are in the environment, and returns what it prints. */
export async function menshen(...args: string[]): Promise<string> {
  return (await promisify(execFile)(setting('MENSHEN'), args)).stdout
}

/** Asks the offline WeChat's control face. */
export async function sandbox(method: string, path: string, body?: object): Promise<any> {
  const answer = await fetch(`${sandboxUrl}/_sandbox/${path}`, { method, body: body && JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
  return answer.json()
}

function setting(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run this by cargo xtask test`)
  return value
}
