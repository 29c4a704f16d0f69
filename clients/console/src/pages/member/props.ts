// Properties shared by the sections of a member's page.

import type { MemberSheet } from '../../api'

export interface MemberProps {
  details: MemberSheet
  /** Fetches the member again after a change. */
  reload: () => Promise<void>
}
