// Calls to the API: with the cookie, the header that goes with it, and failures as errors.

import type { Failure } from './api'

/** What the server, or the way to it, says instead of an answer. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly failure?: Failure,
  ) {
    super(message)
  }
}

let signedOut: () => void = () => {}

/** Sets what is to be done when the server no longer knows who calls. */
export function onSignedOut(act: () => void): void {
  signedOut = act
}

/**
 * Calls a route below `/admin/api`. Where nobody is signed in yet, `stranger` says that a refusal is an
 * answer and no end of a session.
 */
export async function call<T>(
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
  { stranger = false } = {},
): Promise<T> {
  const headers: Record<string, string> = {
    'x-requested-with': 'console',
    'accept-language': document.documentElement.lang,
  }
  if (body) headers['content-type'] = 'application/json'
  const sent = body && JSON.stringify(body)
  const answer = await fetch(`/admin/api/${path}`, { method, headers, body: sent }).catch(() => undefined)
  const envelope = await answer?.json().catch(() => undefined)
  if (!answer || !envelope) throw new Refusal('', answer?.status ?? 0)
  if (answer.ok) return envelope.data as T
  if (answer.status === 401 && !stranger) signedOut()
  throw new Refusal(envelope.msg, answer.status, envelope as Failure)
}

/** A path with ids in it, which never reach beyond their place. */
export function path(parts: TemplateStringsArray, ...ids: string[]): string {
  return String.raw({ raw: parts }, ...ids.map(encodeURIComponent))
}
