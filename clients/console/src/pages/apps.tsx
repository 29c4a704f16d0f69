// Page that lists the apps.

import { useState } from 'preact/hooks'
import { Link, useLocation } from 'wouter-preact'
import type { AppData, AppsData } from '../api'
import { call } from '../api_client'
import { Badge } from '../components/badge'
import { ConfirmDialog } from '../components/confirm_dialog'
import { Field, SecretField } from '../components/field'
import { Loading } from '../components/loading'
import { Table } from '../components/table'
import { useTexts } from '../language'
import { useSession } from '../session'
import { useFetch } from '../use_fetch'

export function Apps() {
  const { apps: texts } = useTexts()
  const { can } = useSession()
  const apps = useFetch(() => call<AppsData>('GET', 'apps'))
  const [adding, setAdding] = useState(false)
  return (
    <>
      <div class="row">
        <h1>{texts.title}</h1>
        {can('admin') && (
          <button type="button" onClick={() => setAdding(true)}>
            {texts.add}
          </button>
        )}
      </div>
      <p class="muted">{texts.description}</p>
      {adding && <AddDialog onClose={() => setAdding(false)} />}
      {!apps.data ? (
        <Loading of={apps} />
      ) : apps.data.apps.length === 0 ? (
        <p class="empty">{texts.empty}</p>
      ) : (
        <Table label={texts.title} head={[texts.name, texts.appId, texts.status, texts.source]}>
          {apps.data.apps.map((app) => (
            <tr key={app.name}>
              <th scope="row">
                <Link href={`/apps/${app.name}`}>{app.name}</Link>
              </th>
              <td>
                <code>{app.appId}</code>
              </td>
              <td>
                <AppStatusBadges app={app} />
              </td>
              <td>{app.registration ? texts.registered : texts.configured}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  )
}

export function AppStatusBadges({ app }: { app: AppData }) {
  const { apps: texts } = useTexts()
  const disabled = Boolean(app.registration?.disabledAt)
  return (
    <span class="badges">
      <Badge tone={disabled ? 'danger' : 'success'}>{disabled ? texts.disabled : texts.enabled}</Badge>
      {app.registration?.formerSecretKept && <Badge tone="warning">{texts.rotationInProgress}</Badge>}
    </span>
  )
}

function AddDialog({ onClose }: { onClose: () => void }) {
  const { apps: texts } = useTexts()
  const { notify } = useSession()
  const [, navigate] = useLocation()
  const [name, setName] = useState('')
  const [appId, setAppId] = useState('')
  const [secret, setSecret] = useState('')
  const add = async () => {
    await call<AppData>('POST', 'apps', { name, appId, secret })
    notify(texts.addDone, true)
    navigate(`/apps/${name}`)
  }
  return (
    <ConfirmDialog
      title={texts.add}
      confirmLabel={texts.add}
      canConfirm={Boolean(name && appId && secret)}
      onConfirm={add}
      onClose={onClose}
    >
      <p>{texts.addDescription}</p>
      <Field
        label={texts.name}
        hint={texts.nameHint}
        value={name}
        onValueChange={(text) => setName(text.trim())}
        pattern="[a-z0-9_\-]{1,32}"
        title={texts.nameHint}
        autocapitalize="none"
        required
      />
      <Field
        label={texts.appId}
        value={appId}
        onValueChange={(text) => setAppId(text.trim())}
        maxLength={64}
        required
      />
      <SecretField
        label={texts.secret}
        hint={texts.secretHint}
        value={secret}
        onValueChange={setSecret}
        required
      />
    </ConfirmDialog>
  )
}
