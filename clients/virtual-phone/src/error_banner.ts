/** Error banner at the top of the page. */

import { byId } from './dom.js'

/** Shows an error. */
export function showError(message: string): void {
  byId('error-banner').textContent = message
  byId('error-banner').hidden = false
}

/** Runs an operation in the background and shows its error, if any. */
export function runInBackground(operation: Promise<unknown>): void {
  operation.catch(({ message }: Error) => showError(message))
}
