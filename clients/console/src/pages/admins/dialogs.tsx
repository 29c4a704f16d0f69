// Dialogs that invite administrators, change their roles, and deactivate or activate them.

import { useState } from 'preact/hooks'
import type { AdminData, InvitationData } from '../../api'
import { call, path } from '../../api_client'
import { ConfirmDialog } from '../../components/confirm_dialog'
import { Field } from '../../components/field'
import { SecretDialog } from '../../components/secret'
import { labelOf, useTexts } from '../../language'
import { roles, useSession } from '../../session'

interface DialogProps {
  reload: () => Promise<void>
  onClose: () => void
}

interface AdminDialogProps extends DialogProps {
  admin: AdminData
}

export function InviteDialog({ reload, onClose }: DialogProps) {
  const { admins: texts } = useTexts()
  const [name, setName] = useState('')
  const [role, setRole] = useState<string>('viewer')
  const [invitation, setInvitation] = useState<InvitationData>()
  const invite = async () => {
    setInvitation(await call<InvitationData>('POST', 'admins', { name, role }))
    void reload()
  }
  // The form closes itself after the request. The dialog with the code replaces it and stays until it is
  // closed.
  const [formOpen, setFormOpen] = useState(true)
  if (!formOpen && invitation) {
    return (
      <SecretDialog
        title={texts.invitationCode(invitation.admin.name)}
        description={texts.invitationCodeDescription}
        value={invitation.code}
        onClose={onClose}
      />
    )
  }
  return (
    <ConfirmDialog
      title={texts.invite}
      confirmLabel={texts.invite}
      canConfirm={name !== ''}
      onConfirm={invite}
      onClose={() => (invitation ? setFormOpen(false) : onClose())}
    >
      <p>{texts.inviteDescription}</p>
      <Field
        label={texts.name}
        hint={texts.nameHint}
        value={name}
        onValueChange={(text) => setName(text.trim())}
        pattern="[a-z0-9._+@\-]+"
        title={texts.nameHint}
        maxLength={64}
        autocapitalize="none"
        required
      />
      <RoleField value={role} onValueChange={setRole} />
    </ConfirmDialog>
  )
}

export function RoleDialog({ admin, reload, onClose }: AdminDialogProps) {
  const { admins: texts } = useTexts()
  const { notify } = useSession()
  const [role, setRole] = useState(admin.role)
  const changeRole = async () => {
    await call('PATCH', path`admins/${admin.adminId}`, { role })
    notify(texts.roleChanged)
    void reload()
  }
  return (
    <ConfirmDialog
      title={texts.changeRoleOf(admin.name)}
      confirmLabel={texts.changeRole}
      canConfirm={role !== admin.role}
      onConfirm={changeRole}
      onClose={onClose}
    >
      <RoleField value={role} onValueChange={setRole} />
    </ConfirmDialog>
  )
}

export function ActivationDialog({ admin, reload, onClose }: AdminDialogProps) {
  const { admins: texts } = useTexts()
  const { notify } = useSession()
  // Keeps the value of the moment the dialog opened, so that a reload does not turn its action into the
  // opposite.
  const [active] = useState(admin.active)
  const toggle = async () => {
    await call('PATCH', path`admins/${admin.adminId}`, { active: !active })
    notify(active ? texts.deactivateDone : texts.activateDone)
    void reload()
  }
  return (
    <ConfirmDialog
      title={active ? texts.deactivateName(admin.name) : texts.activateName(admin.name)}
      confirmLabel={active ? texts.deactivate : texts.activate}
      danger={active}
      onConfirm={toggle}
      onClose={onClose}
    >
      <p>{active ? texts.deactivateDescription : texts.activateDescription}</p>
    </ConfirmDialog>
  )
}

function RoleField({ value, onValueChange }: { value: string; onValueChange: (role: string) => void }) {
  const texts = useTexts()
  return (
    <fieldset>
      <legend>{texts.admins.role}</legend>
      {roles.map((role) => (
        <label key={role}>
          <input type="radio" name="role" checked={role === value} onChange={() => onValueChange(role)} />
          {labelOf(texts.role, role)} <small class="muted">{labelOf(texts.roleRights, role)}</small>
        </label>
      ))}
    </fieldset>
  )
}
