// What is done to a member: kept out, let in again, erased.

import { useState } from 'preact/hooks'
import { useLocation } from 'wouter-preact'
import { useTexts } from '../../language'
import { Ask, SecondLook } from '../../parts/ask'
import { Field } from '../../parts/field'
import { Nickname } from '../../parts/nickname'
import { call, path } from '../../server'
import { useSession } from '../../session'
import type { SheetProps } from '../member'

export function Actions({ sheet, again }: SheetProps) {
  const { member: texts } = useTexts()
  const { may } = useSession()
  const [asking, setAsking] = useState<'ban' | 'erase'>()
  const banned = sheet.member.status === 'banned'
  const close = () => setAsking(undefined)
  if (!may('operator')) return <p class="quiet actions">{texts.mayNot}</p>
  return (
    <>
      <div class="actions" role="group" aria-label={texts.actions}>
        <button
          type="button"
          class={banned ? 'secondary' : 'danger outline'}
          onClick={() => setAsking('ban')}
        >
          {banned ? texts.unban : texts.ban}
        </button>
        {may('admin') && (
          <button type="button" class="danger outline" onClick={() => setAsking('erase')}>
            {texts.erase}
          </button>
        )}
      </div>
      {asking === 'ban' && <Ban sheet={sheet} again={again} close={close} />}
      {asking === 'erase' && <Erase sheet={sheet} close={close} />}
    </>
  )
}

function Ban({ sheet, again, close }: SheetProps & { close: () => void }) {
  const { member: texts } = useTexts()
  const { say } = useSession()
  const [reason, setReason] = useState('')
  // As it was when the dialog came: it is no other one when the member has changed below it.
  const [banned] = useState(sheet.member.status === 'banned')
  const id = sheet.member.profile.memberId
  const act = async () => {
    await call('POST', banned ? path`members/${id}/unban` : path`members/${id}/ban`, { reason })
    say(banned ? texts.unbanned : texts.bannedDone)
    void again()
  }
  return (
    <Ask
      title={banned ? texts.unban : texts.banTitle}
      verb={banned ? texts.unban : texts.ban}
      danger={!banned}
      ready={reason.trim() !== ''}
      act={act}
      close={close}
    >
      <p>{banned ? texts.unbanAbout : texts.banAbout}</p>
      <Field
        label={texts.why}
        hint={texts.whyHint}
        value={reason}
        change={setReason}
        maxLength={200}
        required
      />
    </Ask>
  )
}

function Erase({ sheet, close }: { sheet: SheetProps['sheet']; close: () => void }) {
  const { member: texts } = useTexts()
  const { say } = useSession()
  const [, go] = useLocation()
  const [typed, type] = useState('')
  const { profile } = sheet.member
  const tail = profile.memberId.slice(-6)
  const act = async () => {
    await call('DELETE', path`members/${profile.memberId}`)
    say(texts.erased, true)
    go('/members')
  }
  return (
    <Ask
      title={texts.eraseTitle}
      verb={texts.erase}
      danger
      ready={typed.trim().toLowerCase() === tail}
      act={act}
      close={close}
    >
      <p>
        <strong>
          <Nickname of={profile.nickName} />
        </strong>
        <br />
        <code>{profile.memberId}</code>
      </p>
      <p>{texts.eraseAbout}</p>
      <SecondLook ask={texts.eraseType(tail)} typed={typed} type={type} />
    </Ask>
  )
}
