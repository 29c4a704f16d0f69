/** What is wrong with the whole page, said at its top. */

import { byId } from './dom.js'

export function complain(what: string): void {
  byId('complaint').textContent = what
  byId('complaint').hidden = false
}

/** Lets something go on by itself; what becomes of it is told only if it fails. */
export function orComplain(what: Promise<unknown>): void {
  what.catch(({ message }: Error) => complain(message))
}
