// Client of the admin API.

import type { Failure } from './api'

/** Failed API request. `status` is 0 and `failure` is absent if the server sent no valid response. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly failure?: Failure,
  ) {
    super(message)
  }
}

let signedOut: () => void = () => {}

/** Registers the callback for requests that fail because the session has ended. */
export function onSignedOut(callback: () => void): void {
  signedOut = callback
}

/**
 * Calls a route below `/admin/api` and returns the envelope's data. Set `anonymous` for requests without a
 * session: a 401 is then an ordinary error and not the end of a session.
 */
export async function call<T>(
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
  { anonymous = false } = {},
): Promise<T> {
  // The server requires the first header of every request as a protection against CSRF.
  const headers: Record<string, string> = {
    'x-requested-with': 'console',
    'accept-language': document.documentElement.lang,
  }
  if (body) headers['content-type'] = 'application/json'
  const json = body && JSON.stringify(body)
  const response = await fetch(`/admin/api/${path}`, { method, headers, body: json }).catch(() => undefined)
  const envelope = await response?.json().catch(() => undefined)
  if (!response || !envelope) throw new ApiError('', response?.status ?? 0)
  if (response.ok) return envelope.data as T
  if (response.status === 401 && !anonymous) signedOut()
  throw new ApiError(envelope.msg, response.status, envelope as Failure)
}

/** Template tag for paths: encodes ids so that each stays within its path segment. */
export function path(parts: TemplateStringsArray, ...ids: string[]): string {
  return String.raw({ raw: parts }, ...ids.map(encodeURIComponent))
}
