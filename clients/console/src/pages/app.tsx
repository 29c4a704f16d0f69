// Page of one app: sign-in policy, secret, message push and status.

import { Link } from 'wouter-preact'
import type { AppData } from '../api'
import { ApiError, call, path } from '../api_client'
import { ErrorMessage } from '../components/error_message'
import { Loading } from '../components/loading'
import { useTexts } from '../language'
import { useSession } from '../session'
import { useFetch } from '../use_fetch'
import { Policy, PolicyForm } from './app/policy'
import type { AppProps } from './app/props'
import { MessagePush } from './app/push'
import { AppSecret } from './app/secret'
import { AppStatus } from './app/status'
import { AppStatusBadges } from './apps'

export function AppPage({ name }: { name: string }) {
  const texts = useTexts().app
  const app = useFetch(() => call<AppData>('GET', path`apps/${name}`), [name])
  const notFound = app.error instanceof ApiError && [400, 404].includes(app.error.status)
  return (
    <>
      <Link href="/apps" class="back">
        ← {texts.back}
      </Link>
      {app.data ? (
        <AppDetails app={app.data} reload={app.reload} />
      ) : notFound ? (
        <ErrorMessage error={app.error} />
      ) : (
        <Loading of={app} />
      )}
    </>
  )
}

function AppDetails({ app, reload }: AppProps) {
  const texts = useTexts()
  const { can } = useSession()
  const editable = can('admin') && app.registration !== null
  return (
    <>
      <div class="page-header">
        <div>
          <h1>
            {app.name} <AppStatusBadges app={app} />
          </h1>
          <p class="muted">
            {texts.apps.appId} <code>{app.appId}</code>
          </p>
        </div>
      </div>
      {!app.registration && <p class="callout">{texts.app.configured}</p>}
      <div class="columns">
        <section class="card">
          <h2>{texts.app.policy}</h2>
          {editable ? <PolicyForm app={app} reload={reload} /> : <Policy app={app} />}
        </section>
        <div class="stack">
          {app.registration && <AppSecret app={app} reload={reload} />}
          <MessagePush app={app} reload={reload} />
          {app.registration && <AppStatus app={app} reload={reload} />}
        </div>
      </div>
    </>
  )
}
