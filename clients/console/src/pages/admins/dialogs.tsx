// What is decided about administrators, each in a dialog.

import { useState } from 'preact/hooks'
import type { AdminData, InvitationData } from '../../api'
import { useTexts, worded } from '../../language'
import { Ask } from '../../parts/ask'
import { Field } from '../../parts/field'
import { Secret } from '../../parts/secret'
import { call, path } from '../../server'
import { roles, useSession } from '../../session'

interface DialogProps {
  again: () => Promise<void>
  close: () => void
}

interface AboutProps extends DialogProps {
  admin: AdminData
}

export function Invite({ again, close }: DialogProps) {
  const { admins: texts } = useTexts()
  const [name, setName] = useState('')
  const [role, setRole] = useState<string>('viewer')
  const [invited, setInvited] = useState<InvitationData>()
  const act = async () => {
    setInvited(await call<InvitationData>('POST', 'admins', { name, role }))
    void again()
  }
  // The form goes by itself, and what it brought stays until it is put away.
  const [asked, setAsked] = useState(true)
  if (!asked && invited) {
    return (
      <Secret
        title={texts.code(invited.admin.name)}
        about={texts.codeAbout}
        value={invited.code}
        close={close}
      />
    )
  }
  return (
    <Ask
      title={texts.invite}
      verb={texts.invite}
      ready={name !== ''}
      act={act}
      close={() => (invited ? setAsked(false) : close())}
    >
      <p>{texts.inviteAbout}</p>
      <Field
        label={texts.name}
        hint={texts.nameHint}
        value={name}
        change={(text) => setName(text.trim())}
        pattern="[a-z0-9._+@\-]+"
        title={texts.nameHint}
        maxLength={64}
        autocapitalize="none"
        required
      />
      <Roles role={role} choose={setRole} />
    </Ask>
  )
}

export function Change({ admin, again, close }: AboutProps) {
  const { admins: texts } = useTexts()
  const { say } = useSession()
  const [role, setRole] = useState(admin.role)
  const act = async () => {
    await call('PATCH', path`admins/${admin.adminId}`, { role })
    say(texts.changed)
    void again()
  }
  return (
    <Ask
      title={texts.changeOf(admin.name)}
      verb={texts.change}
      ready={role !== admin.role}
      act={act}
      close={close}
    >
      <Roles role={role} choose={setRole} />
    </Ask>
  )
}

export function Shut({ admin, again, close }: AboutProps) {
  const { admins: texts } = useTexts()
  const { say } = useSession()
  // As it was when the dialog came.
  const [active] = useState(admin.active)
  const act = async () => {
    await call('PATCH', path`admins/${admin.adminId}`, { active: !active })
    say(active ? texts.shutDone : texts.letInDone)
    void again()
  }
  return (
    <Ask
      title={active ? texts.shutOf(admin.name) : texts.letInOf(admin.name)}
      verb={active ? texts.shut : texts.letIn}
      danger={active}
      act={act}
      close={close}
    >
      <p>{active ? texts.shutAbout : texts.letInAbout}</p>
    </Ask>
  )
}

function Roles({ role, choose }: { role: string; choose: (role: string) => void }) {
  const texts = useTexts()
  return (
    <fieldset>
      <legend>{texts.admins.role}</legend>
      {roles.map((one) => (
        <label key={one}>
          <input type="radio" name="role" checked={one === role} onChange={() => choose(one)} />
          {worded(texts.role, one)} <small class="quiet">{worded(texts.roleMay, one)}</small>
        </label>
      ))}
    </fieldset>
  )
}
