// Whether an app that was added serves, and its end.

import { useState } from 'preact/hooks'
import { useLocation } from 'wouter-preact'
import { useFormats, useTexts } from '../../language'
import { Ask, SecondLook } from '../../parts/ask'
import { call, path } from '../../server'
import { useSession } from '../../session'
import type { AppProps } from '../app'

export function Life({ app, again }: AppProps) {
  const { app: texts } = useTexts()
  const formats = useFormats()
  const { may } = useSession()
  const [asking, setAsking] = useState<'switch' | 'remove'>()
  const close = () => setAsking(undefined)
  const { disabledAt, createdAt } = app.registration!
  return (
    <section class="card">
      <h2>{texts.state}</h2>
      <p>
        {texts.created(formats.time(createdAt))} {disabledAt && texts.disabledSince(formats.time(disabledAt))}
      </p>
      {may('admin') && (
        <div class="buttons">
          <button
            type="button"
            class={disabledAt ? '' : 'danger outline'}
            onClick={() => setAsking('switch')}
          >
            {disabledAt ? texts.enable : texts.disable}
          </button>
          {disabledAt && (
            <button type="button" class="danger outline" onClick={() => setAsking('remove')}>
              {texts.remove}
            </button>
          )}
        </div>
      )}
      {asking === 'switch' && <Switch app={app} again={again} close={close} />}
      {asking === 'remove' && <Remove app={app} close={close} />}
    </section>
  )
}

function Switch({ app, again, close }: AppProps & { close: () => void }) {
  const { app: texts } = useTexts()
  const { say } = useSession()
  // As it was when the dialog came.
  const [disabled] = useState(Boolean(app.registration!.disabledAt))
  const act = async () => {
    await call('POST', disabled ? path`apps/${app.name}/enable` : path`apps/${app.name}/disable`)
    say(disabled ? texts.enabled : texts.disabled)
    void again()
  }
  const verb = disabled ? texts.enable : texts.disable
  return (
    <Ask title={`${verb}: ${app.name}`} verb={verb} danger={!disabled} act={act} close={close}>
      <p>{disabled ? texts.enableAbout : texts.disableAbout}</p>
    </Ask>
  )
}

function Remove({ app, close }: { app: AppProps['app']; close: () => void }) {
  const { app: texts } = useTexts()
  const { say } = useSession()
  const [, go] = useLocation()
  const [typed, type] = useState('')
  const act = async () => {
    await call('DELETE', path`apps/${app.name}`)
    say(texts.removed, true)
    go('/apps')
  }
  return (
    <Ask
      title={`${texts.remove}: ${app.name}`}
      verb={texts.remove}
      danger
      ready={typed.trim() === app.name}
      act={act}
      close={close}
    >
      <p>{texts.removeAbout}</p>
      <SecondLook ask={texts.removeType(app.name)} typed={typed} type={type} />
    </Ask>
  )
}
