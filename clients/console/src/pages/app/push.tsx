// WeChat message push of an app: its state, setup and removal.

import { useState } from 'preact/hooks'
import { call, path } from '../../api_client'
import { ConfirmDialog } from '../../components/confirm_dialog'
import { SecretField } from '../../components/field'
import { useTexts } from '../../language'
import { useSession } from '../../session'
import type { AppDialogProps, AppProps } from './props'

export function MessagePush({ app, reload }: AppProps) {
  const { app: texts } = useTexts()
  const { can } = useSession()
  const [dialog, setDialog] = useState<'configure' | 'disable'>()
  const closeDialog = () => setDialog(undefined)
  return (
    <section class="card">
      <h2>{texts.push}</h2>
      <p>{app.takesPushes ? texts.pushEnabled : texts.pushDisabled}</p>
      {can('admin') && app.registration && (
        <div class="buttons">
          <button type="button" class="secondary" onClick={() => setDialog('configure')}>
            {texts.configurePush}
          </button>
          {app.takesPushes && (
            <button type="button" class="danger outline" onClick={() => setDialog('disable')}>
              {texts.disablePush}
            </button>
          )}
        </div>
      )}
      {dialog === 'configure' && <ConfigureDialog app={app} reload={reload} onClose={closeDialog} />}
      {dialog === 'disable' && <DisableDialog app={app} reload={reload} onClose={closeDialog} />}
    </section>
  )
}

function ConfigureDialog({ app, reload, onClose }: AppDialogProps) {
  const { app: texts } = useTexts()
  const { notify } = useSession()
  const [token, setToken] = useState('')
  const [aesKey, setAesKey] = useState('')
  const configure = async () => {
    await call('PUT', path`apps/${app.name}/push`, { pushToken: token, pushAesKey: aesKey || null })
    notify(texts.configurePushDone)
    void reload()
  }
  return (
    <ConfirmDialog
      title={texts.configurePush}
      confirmLabel={texts.configurePush}
      canConfirm={token !== ''}
      onConfirm={configure}
      onClose={onClose}
    >
      <p>{texts.configurePushDescription}</p>
      <SecretField label={texts.pushToken} value={token} onValueChange={setToken} required />
      <SecretField
        label={texts.pushAesKey}
        hint={texts.pushAesKeyHint}
        value={aesKey}
        onValueChange={setAesKey}
      />
    </ConfirmDialog>
  )
}

function DisableDialog({ app, reload, onClose }: AppDialogProps) {
  const { app: texts } = useTexts()
  const { notify } = useSession()
  const disable = async () => {
    await call('DELETE', path`apps/${app.name}/push`)
    notify(texts.disablePushDone)
    void reload()
  }
  return (
    <ConfirmDialog
      title={texts.disablePush}
      confirmLabel={texts.disablePush}
      danger
      onConfirm={disable}
      onClose={onClose}
    >
      <p>{texts.disablePushDescription}</p>
    </ConfirmDialog>
  )
}
