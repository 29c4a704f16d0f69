// Session of the signed-in administrator, and the roles.

import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { AdministratorData } from './api'

export type Role = 'viewer' | 'operator' | 'admin'

/** All roles. Each role includes the rights of the roles before it. */
export const roles: Role[] = ['viewer', 'operator', 'admin']

export interface Session {
  me: AdministratorData
  /** Shows a status message until the next page, or on the next page if `onNextPage` is set. */
  notify: (text: string, onNextPage?: boolean) => void
  /** Returns true if the administrator has this role or a higher one. */
  can: (role: Role) => boolean
}

export const SessionContext = createContext<Session | undefined>(undefined)

/** Returns the session. Pages that call it are rendered only while an administrator is signed in. */
export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('useSession needs a SessionContext.Provider')
  return session
}

/** Returns true if `role` includes the rights of `required`. */
export function hasRole(role: string, required: Role): boolean {
  return roles.indexOf(role as Role) >= roles.indexOf(required)
}
