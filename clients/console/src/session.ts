// Who is signed in, and what they may do.

import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { AdministratorData } from './api'

export type Role = 'viewer' | 'operator' | 'admin'

/** Each may all that the ones before may. */
export const roles: Role[] = ['viewer', 'operator', 'admin']

export interface Session {
  me: AdministratorData
  /** Tells what was done, to eyes and ears: until the next page, or on it. */
  say: (text: string, onNextPage?: boolean) => void
  /** Whether they have this role, or one that may more. */
  may: (role: Role) => boolean
}

export const Signed = createContext<Session | undefined>(undefined)

/** The session; pages are only shown within one. */
export function useSession(): Session {
  const session = useContext(Signed)
  if (!session) throw new Error('a page is shown to nobody')
  return session
}

/** Whether somebody of the role `has` may what takes the role `takes`. */
export function suffices(has: string, takes: Role): boolean {
  return roles.indexOf(has as Role) >= roles.indexOf(takes)
}
