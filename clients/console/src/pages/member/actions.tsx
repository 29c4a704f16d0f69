// Actions on a member: ban, lift the ban, erase.

import { useState } from 'preact/hooks'
import { useLocation } from 'wouter-preact'
import { call, path } from '../../api_client'
import { ConfirmDialog, TypeToConfirm } from '../../components/confirm_dialog'
import { Field } from '../../components/field'
import { Nickname } from '../../components/nickname'
import { useTexts } from '../../language'
import { useSession } from '../../session'
import type { MemberProps } from './props'

export function Actions({ details, reload }: MemberProps) {
  const { member: texts } = useTexts()
  const { can } = useSession()
  const [dialog, setDialog] = useState<'ban' | 'erase'>()
  const banned = details.member.status === 'banned'
  const closeDialog = () => setDialog(undefined)
  if (!can('operator')) return <p class="muted actions">{texts.readOnly}</p>
  return (
    <>
      <div class="actions" role="group" aria-label={texts.actions}>
        <button
          type="button"
          class={banned ? 'secondary' : 'danger outline'}
          onClick={() => setDialog('ban')}
        >
          {banned ? texts.unban : texts.ban}
        </button>
        {can('admin') && (
          <button type="button" class="danger outline" onClick={() => setDialog('erase')}>
            {texts.erase}
          </button>
        )}
      </div>
      {dialog === 'ban' && <BanDialog details={details} reload={reload} onClose={closeDialog} />}
      {dialog === 'erase' && <EraseDialog details={details} onClose={closeDialog} />}
    </>
  )
}

/** Bans a member, or lifts the ban. */
function BanDialog({ details, reload, onClose }: MemberProps & { onClose: () => void }) {
  const { member: texts } = useTexts()
  const { notify } = useSession()
  const [reason, setReason] = useState('')
  // Keeps the value of the moment the dialog opened, so that a reload does not turn its action into the
  // opposite.
  const [banned] = useState(details.member.status === 'banned')
  const id = details.member.profile.memberId
  const toggle = async () => {
    await call('POST', banned ? path`members/${id}/unban` : path`members/${id}/ban`, { reason })
    notify(banned ? texts.unbanDone : texts.banDone)
    void reload()
  }
  return (
    <ConfirmDialog
      title={banned ? texts.unban : texts.banTitle}
      confirmLabel={banned ? texts.unban : texts.ban}
      danger={!banned}
      canConfirm={reason.trim() !== ''}
      onConfirm={toggle}
      onClose={onClose}
    >
      <p>{banned ? texts.unbanDescription : texts.banDescription}</p>
      <Field
        label={texts.reason}
        hint={texts.reasonHint}
        value={reason}
        onValueChange={setReason}
        maxLength={200}
        required
      />
    </ConfirmDialog>
  )
}

function EraseDialog({ details, onClose }: { details: MemberProps['details']; onClose: () => void }) {
  const { member: texts } = useTexts()
  const { notify } = useSession()
  const [, navigate] = useLocation()
  const [typedSuffix, setTypedSuffix] = useState('')
  const { profile } = details.member
  const suffix = profile.memberId.slice(-6)
  const erase = async () => {
    await call('DELETE', path`members/${profile.memberId}`)
    notify(texts.eraseDone, true)
    navigate('/members')
  }
  return (
    <ConfirmDialog
      title={texts.eraseTitle}
      confirmLabel={texts.erase}
      danger
      canConfirm={typedSuffix.trim().toLowerCase() === suffix}
      onConfirm={erase}
      onClose={onClose}
    >
      <p>
        <strong>
          <Nickname of={profile.nickName} />
        </strong>
        <br />
        <code>{profile.memberId}</code>
      </p>
      <p>{texts.eraseDescription}</p>
      <TypeToConfirm
        label={texts.typeSuffixToErase(suffix)}
        value={typedSuffix}
        onValueChange={setTypedSuffix}
      />
    </ConfirmDialog>
  )
}
