// Whether WeChat's pushes of an app are taken, and what they are believed by.

import { useState } from 'preact/hooks'
import { useTexts } from '../../language'
import { Ask } from '../../parts/ask'
import { SecretField } from '../../parts/field'
import { call, path } from '../../server'
import { useSession } from '../../session'
import type { AppProps } from '../app'

export function Push({ app, again }: AppProps) {
  const { app: texts } = useTexts()
  const { may } = useSession()
  const [asking, setAsking] = useState<'set' | 'remove'>()
  const close = () => setAsking(undefined)
  return (
    <section class="card">
      <h2>{texts.push}</h2>
      <p>{app.takesPushes ? texts.pushOn : texts.pushOff}</p>
      {may('admin') && app.registration && (
        <div class="buttons">
          <button type="button" class="secondary" onClick={() => setAsking('set')}>
            {texts.pushSet}
          </button>
          {app.takesPushes && (
            <button type="button" class="danger outline" onClick={() => setAsking('remove')}>
              {texts.pushRemove}
            </button>
          )}
        </div>
      )}
      {asking === 'set' && <SetPush app={app} again={again} close={close} />}
      {asking === 'remove' && <RemovePush app={app} again={again} close={close} />}
    </section>
  )
}

function SetPush({ app, again, close }: AppProps & { close: () => void }) {
  const { app: texts } = useTexts()
  const { say } = useSession()
  const [pushToken, setToken] = useState('')
  const [key, setKey] = useState('')
  const act = async () => {
    await call('PUT', path`apps/${app.name}/push`, { pushToken, pushAesKey: key || null })
    say(texts.pushSetDone)
    void again()
  }
  return (
    <Ask title={texts.pushSet} verb={texts.pushSet} ready={pushToken !== ''} act={act} close={close}>
      <p>{texts.pushAbout}</p>
      <SecretField label={texts.pushToken} value={pushToken} change={setToken} required />
      <SecretField label={texts.pushKey} hint={texts.pushKeyHint} value={key} change={setKey} />
    </Ask>
  )
}

function RemovePush({ app, again, close }: AppProps & { close: () => void }) {
  const { app: texts } = useTexts()
  const { say } = useSession()
  const act = async () => {
    await call('DELETE', path`apps/${app.name}/push`)
    say(texts.pushRemoved)
    void again()
  }
  return (
    <Ask title={texts.pushRemove} verb={texts.pushRemove} danger act={act} close={close}>
      <p>{texts.pushRemoveAbout}</p>
    </Ask>
  )
}
