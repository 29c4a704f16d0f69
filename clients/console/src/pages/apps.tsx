// The apps whose users log in.

import { useState } from 'preact/hooks'
import { Link, useLocation } from 'wouter-preact'
import type { AppData, AppsData } from '../api'
import { useFetched } from '../data'
import { useTexts } from '../language'
import { Ask } from '../parts/ask'
import { Waiting } from '../parts/failure'
import { Field, SecretField } from '../parts/field'
import { Badge, Table } from '../parts/small'
import { call } from '../server'
import { useSession } from '../session'

export function Apps() {
  const { apps: texts } = useTexts()
  const { may } = useSession()
  const apps = useFetched(() => call<AppsData>('GET', 'apps'))
  const [adding, setAdding] = useState(false)
  return (
    <>
      <div class="row">
        <h1>{texts.title}</h1>
        {may('admin') && (
          <button type="button" onClick={() => setAdding(true)}>
            {texts.add}
          </button>
        )}
      </div>
      <p class="quiet">{texts.lead}</p>
      {adding && <Add close={() => setAdding(false)} />}
      {!apps.data ? (
        <Waiting of={apps} />
      ) : apps.data.apps.length === 0 ? (
        <p class="empty">{texts.none}</p>
      ) : (
        <Table label={texts.title} head={[texts.name, texts.appId, texts.state, texts.source]}>
          {apps.data.apps.map((app) => (
            <tr key={app.name}>
              <th scope="row">
                <Link href={`/apps/${app.name}`}>{app.name}</Link>
              </th>
              <td>
                <code>{app.appId}</code>
              </td>
              <td>
                <AppState app={app} />
              </td>
              <td>{app.registration ? texts.added : texts.configured}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  )
}

export function AppState({ app }: { app: AppData }) {
  const { apps: texts } = useTexts()
  const disabled = Boolean(app.registration?.disabledAt)
  return (
    <span class="badges">
      <Badge tone={disabled ? 'bad' : 'good'}>{disabled ? texts.disabled : texts.enabled}</Badge>
      {app.registration?.formerSecretKept && <Badge tone="warm">{texts.rotating}</Badge>}
    </span>
  )
}

function Add({ close }: { close: () => void }) {
  const { apps: texts } = useTexts()
  const { say } = useSession()
  const [, go] = useLocation()
  const [name, setName] = useState('')
  const [appId, setAppId] = useState('')
  const [secret, setSecret] = useState('')
  const act = async () => {
    await call<AppData>('POST', 'apps', { name, appId, secret })
    say(texts.addedDone, true)
    go(`/apps/${name}`)
  }
  return (
    <Ask title={texts.add} verb={texts.add} ready={Boolean(name && appId && secret)} act={act} close={close}>
      <p>{texts.addAbout}</p>
      <Field
        label={texts.name}
        hint={texts.nameHint}
        value={name}
        change={(text) => setName(text.trim())}
        pattern="[a-z0-9_\-]{1,32}"
        title={texts.nameHint}
        autocapitalize="none"
        required
      />
      <Field
        label={texts.appId}
        value={appId}
        change={(text) => setAppId(text.trim())}
        maxLength={64}
        required
      />
      <SecretField label={texts.secret} hint={texts.secretHint} value={secret} change={setSecret} required />
    </Ask>
  )
}
