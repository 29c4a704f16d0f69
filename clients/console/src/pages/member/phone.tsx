// Phone number of a member: masked until an operator requests the full number, which is audited.

import { useState } from 'preact/hooks'
import type { MemberData, PhoneData } from '../../api'
import { call, path } from '../../api_client'
import { ConfirmDialog } from '../../components/confirm_dialog'
import { useTexts } from '../../language'
import { useSession } from '../../session'

export function Phone({ profile }: { profile: MemberData }) {
  const texts = useTexts()
  const { can } = useSession()
  const [dialogOpen, setDialogOpen] = useState(false)
  // Holds the masked number too, so that the full number is no longer shown after the member's number
  // changed.
  const [unmasked, setUnmasked] = useState<{ masked: string; phone: string }>()
  if (!profile.phone) return <span class="muted">{texts.members.noPhone}</span>
  if (unmasked?.masked === profile.phone) return <output class="full-number">{unmasked.phone}</output>
  const unmask = async () => {
    const { phone } = await call<PhoneData>('POST', path`members/${profile.memberId}/phone`)
    setUnmasked({ masked: profile.phone!, phone })
  }
  return (
    <>
      {profile.phone}{' '}
      {can('operator') && (
        <button type="button" class="plain" onClick={() => setDialogOpen(true)}>
          {texts.member.unmask}
        </button>
      )}
      {dialogOpen && (
        <ConfirmDialog
          title={texts.member.unmask}
          confirmLabel={texts.member.unmask}
          onConfirm={unmask}
          onClose={() => setDialogOpen(false)}
        >
          <p>{texts.member.unmaskDescription}</p>
        </ConfirmDialog>
      )}
    </>
  )
}
