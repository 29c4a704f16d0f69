// Administrators: who they are, and what is decided about them.

import { useState } from 'preact/hooks'
import type { AdminData, AdminsData } from '../api'
import { useFetched } from '../data'
import { useFormats, useTexts, worded } from '../language'
import { Waiting } from '../parts/failure'
import { Badge, Table, Time } from '../parts/small'
import { call } from '../server'
import { useSession } from '../session'
import { Change, Invite, Shut } from './admins/dialogs'

export function Admins() {
  const { admins: texts } = useTexts()
  const admins = useFetched(() => call<AdminsData>('GET', 'admins'))
  const [inviting, setInviting] = useState(false)
  return (
    <>
      <div class="row">
        <h1>{texts.title}</h1>
        <button type="button" onClick={() => setInviting(true)}>
          {texts.invite}
        </button>
      </div>
      <p class="quiet">{texts.lead}</p>
      {inviting && <Invite again={admins.again} close={() => setInviting(false)} />}
      {!admins.data ? (
        <Waiting of={admins} />
      ) : (
        <Table label={texts.title} head={[texts.name, texts.role, texts.state, texts.since, texts.actions]}>
          {admins.data.admins.map((admin) => (
            <Row key={admin.adminId} admin={admin} again={admins.again} />
          ))}
        </Table>
      )}
    </>
  )
}

function Row({ admin, again }: { admin: AdminData; again: () => Promise<void> }) {
  const texts = useTexts()
  const formats = useFormats()
  const { me } = useSession()
  const [asking, setAsking] = useState<'role' | 'shut'>()
  const close = () => setAsking(undefined)
  const invited = admin.invitedUntil && Date.parse(admin.invitedUntil) > Date.now()
  const { admins } = texts
  return (
    <tr>
      <th scope="row">{admin.name}</th>
      <td>{worded(texts.role, admin.role)}</td>
      <td>
        <Badge tone={admin.active ? 'good' : 'bad'}>{admin.active ? admins.active : admins.shutOut}</Badge>
        {invited && <small class="detail">{admins.invitedUntil(formats.time(admin.invitedUntil!))}</small>}
      </td>
      <td>
        <Time at={admin.createdAt} />
      </td>
      <td>
        {admin.adminId === me.adminId ? (
          <span class="quiet">{admins.you}</span>
        ) : (
          <div class="buttons">
            <button type="button" class="plain" onClick={() => setAsking('role')}>
              {admins.change}
              <span class="hidden"> {admin.name}</span>
            </button>
            <button type="button" class="plain" onClick={() => setAsking('shut')}>
              {admin.active ? admins.shut : admins.letIn}
              <span class="hidden"> {admin.name}</span>
            </button>
          </div>
        )}
        {asking === 'role' && <Change admin={admin} again={again} close={close} />}
        {asking === 'shut' && <Shut admin={admin} again={again} close={close} />}
      </td>
    </tr>
  )
}
