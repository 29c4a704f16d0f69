// Page that lists the administrators.

import { useState } from 'preact/hooks'
import type { AdminData, AdminsData } from '../api'
import { call } from '../api_client'
import { Badge } from '../components/badge'
import { Loading } from '../components/loading'
import { Table } from '../components/table'
import { Time } from '../components/time'
import { labelOf, useFormats, useTexts } from '../language'
import { useSession } from '../session'
import { useFetch } from '../use_fetch'
import { ActivationDialog, InviteDialog, RoleDialog } from './admins/dialogs'

export function Admins() {
  const { admins: texts } = useTexts()
  const admins = useFetch(() => call<AdminsData>('GET', 'admins'))
  const [inviting, setInviting] = useState(false)
  return (
    <>
      <div class="row">
        <h1>{texts.title}</h1>
        <button type="button" onClick={() => setInviting(true)}>
          {texts.invite}
        </button>
      </div>
      <p class="muted">{texts.description}</p>
      {inviting && <InviteDialog reload={admins.reload} onClose={() => setInviting(false)} />}
      {!admins.data ? (
        <Loading of={admins} />
      ) : (
        <Table
          label={texts.title}
          head={[texts.name, texts.role, texts.status, texts.created, texts.actions]}
        >
          {admins.data.admins.map((admin) => (
            <AdminRow key={admin.adminId} admin={admin} reload={admins.reload} />
          ))}
        </Table>
      )}
    </>
  )
}

function AdminRow({ admin, reload }: { admin: AdminData; reload: () => Promise<void> }) {
  const texts = useTexts()
  const formats = useFormats()
  const { me } = useSession()
  const [dialog, setDialog] = useState<'role' | 'activation'>()
  const closeDialog = () => setDialog(undefined)
  const invited = admin.invitedUntil && Date.parse(admin.invitedUntil) > Date.now()
  const { admins } = texts
  return (
    <tr>
      <th scope="row">{admin.name}</th>
      <td>{labelOf(texts.role, admin.role)}</td>
      <td>
        <Badge tone={admin.active ? 'success' : 'danger'}>
          {admin.active ? admins.active : admins.deactivated}
        </Badge>
        {invited && <small class="detail">{admins.invitedUntil(formats.time(admin.invitedUntil!))}</small>}
      </td>
      <td>
        <Time at={admin.createdAt} />
      </td>
      <td>
        {admin.adminId === me.adminId ? (
          <span class="muted">{admins.you}</span>
        ) : (
          <div class="buttons">
            <button type="button" class="plain" onClick={() => setDialog('role')}>
              {admins.changeRole}
              <span class="visually-hidden"> {admin.name}</span>
            </button>
            <button type="button" class="plain" onClick={() => setDialog('activation')}>
              {admin.active ? admins.deactivate : admins.activate}
              <span class="visually-hidden"> {admin.name}</span>
            </button>
          </div>
        )}
        {dialog === 'role' && <RoleDialog admin={admin} reload={reload} onClose={closeDialog} />}
        {dialog === 'activation' && <ActivationDialog admin={admin} reload={reload} onClose={closeDialog} />}
      </td>
    </tr>
  )
}
