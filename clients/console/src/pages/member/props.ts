// Properties shared by the sections of a member's page.

import type { MemberDetails } from '../../api'

export interface MemberProps {
  details: MemberDetails
  /** Fetches the member again after a change. */
  reload: () => Promise<void>
}
