// One app: what is asked of those who log in, its pushes, its secret, whether it serves.

import { Link } from 'wouter-preact'
import type { AppData } from '../api'
import { useFetched } from '../data'
import { useTexts } from '../language'
import { FailureNote, Waiting } from '../parts/failure'
import { call, path, Refusal } from '../server'
import { useSession } from '../session'
import { AppState } from './apps'
import { Life } from './app/life'
import { Policy, PolicyForm } from './app/policy'
import { Push } from './app/push'
import { AppSecret } from './app/secret'

export interface AppProps {
  app: AppData
  again: () => Promise<void>
}

export function AppPage({ name }: { name: string }) {
  const texts = useTexts().app
  const app = useFetched(() => call<AppData>('GET', path`apps/${name}`), [name])
  const gone = app.failure instanceof Refusal && [400, 404].includes(app.failure.status)
  return (
    <>
      <Link href="/apps" class="back">
        ← {texts.back}
      </Link>
      {app.data ? (
        <Sheet app={app.data} again={app.again} />
      ) : gone ? (
        <FailureNote failure={app.failure} />
      ) : (
        <Waiting of={app} />
      )}
    </>
  )
}

function Sheet({ app, again }: AppProps) {
  const texts = useTexts()
  const { may } = useSession()
  const changes = may('admin') && app.registration !== null
  return (
    <>
      <div class="heading">
        <div>
          <h1>
            {app.name} <AppState app={app} />
          </h1>
          <p class="quiet">
            {texts.apps.appId} <code>{app.appId}</code>
          </p>
        </div>
      </div>
      {!app.registration && <p class="remark">{texts.app.configured}</p>}
      <div class="halves">
        <section class="card">
          <h2>{texts.app.policy}</h2>
          {changes ? <PolicyForm app={app} again={again} /> : <Policy app={app} />}
        </section>
        <div class="stack">
          {app.registration && <AppSecret app={app} again={again} />}
          <Push app={app} again={again} />
          {app.registration && <Life app={app} again={again} />}
        </div>
      </div>
    </>
  )
}
