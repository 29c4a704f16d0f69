// An app's secret, which nobody is told: another one is put in its place, in two steps.

import { useState } from 'preact/hooks'
import { useFormats, useTexts } from '../../language'
import { Ask } from '../../parts/ask'
import { SecretField } from '../../parts/field'
import { call, path } from '../../server'
import { useSession } from '../../session'
import type { AppProps } from '../app'

export function AppSecret({ app, again }: AppProps) {
  const { app: texts } = useTexts()
  const formats = useFormats()
  const { may } = useSession()
  const [asking, setAsking] = useState<'rotate' | 'end' | 'takeBack'>()
  const close = () => setAsking(undefined)
  const { secretChangedAt, formerSecretKept } = app.registration!
  return (
    <section class="card">
      <h2>{texts.secret}</h2>
      <p>{texts.secretSince(formats.time(secretChangedAt))}</p>
      {formerSecretKept && <p class="remark">{texts.secretBoth}</p>}
      {may('admin') && (
        <div class="buttons">
          {formerSecretKept ? (
            <>
              <button type="button" onClick={() => setAsking('end')}>
                {texts.end}
              </button>
              <button type="button" class="secondary" onClick={() => setAsking('takeBack')}>
                {texts.takeBack}
              </button>
            </>
          ) : (
            <button type="button" class="secondary" onClick={() => setAsking('rotate')}>
              {texts.rotate}
            </button>
          )}
        </div>
      )}
      {asking === 'rotate' && <Rotate app={app} again={again} close={close} />}
      {asking === 'end' && <End app={app} again={again} close={close} />}
      {asking === 'takeBack' && <TakeBack app={app} again={again} close={close} />}
    </section>
  )
}

type DialogProps = AppProps & { close: () => void }

function Rotate({ app, again, close }: DialogProps) {
  const { app: texts, apps } = useTexts()
  const { say } = useSession()
  const [secret, setSecret] = useState('')
  const act = async () => {
    await call('POST', path`apps/${app.name}/secret`, { secret })
    say(texts.rotated)
    void again()
  }
  return (
    <Ask title={texts.rotate} verb={texts.rotate} ready={secret !== ''} act={act} close={close}>
      <p>{texts.rotateAbout}</p>
      <SecretField
        label={texts.newSecret}
        hint={apps.secretHint}
        value={secret}
        change={setSecret}
        required
      />
    </Ask>
  )
}

function End({ app, again, close }: DialogProps) {
  const { app: texts } = useTexts()
  const { say } = useSession()
  const act = async () => {
    await call('DELETE', path`apps/${app.name}/secret/former`)
    say(texts.ended)
    void again()
  }
  return (
    <Ask title={texts.end} verb={texts.end} danger act={act} close={close}>
      <p>{texts.endAbout}</p>
    </Ask>
  )
}

function TakeBack({ app, again, close }: DialogProps) {
  const { app: texts } = useTexts()
  const { say } = useSession()
  const act = async () => {
    await call('DELETE', path`apps/${app.name}/secret`)
    say(texts.takenBack)
    void again()
  }
  return (
    <Ask title={texts.takeBack} verb={texts.takeBack} danger act={act} close={close}>
      <p>{texts.takeBackAbout}</p>
    </Ask>
  )
}
