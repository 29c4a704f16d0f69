// AppSecret of an app. The server never returns it. It is replaced by a rotation that is started here and
// finished, or cancelled, later.

import { useState } from 'preact/hooks'
import { call, path } from '../../api_client'
import { ConfirmDialog } from '../../components/confirm_dialog'
import { SecretField } from '../../components/field'
import { useFormats, useTexts } from '../../language'
import { useSession } from '../../session'
import type { AppDialogProps, AppProps } from './props'

export function AppSecret({ app, reload }: AppProps) {
  const { app: texts } = useTexts()
  const formats = useFormats()
  const { can } = useSession()
  const [dialog, setDialog] = useState<'start' | 'finish' | 'cancel'>()
  const closeDialog = () => setDialog(undefined)
  const { secretChangedAt, formerSecretKept } = app.registration!
  return (
    <section class="card">
      <h2>{texts.secret}</h2>
      <p>{texts.secretChanged(formats.time(secretChangedAt))}</p>
      {formerSecretKept && <p class="callout">{texts.rotationInProgress}</p>}
      {can('admin') && (
        <div class="buttons">
          {formerSecretKept ? (
            <>
              <button type="button" onClick={() => setDialog('finish')}>
                {texts.finishRotation}
              </button>
              <button type="button" class="secondary" onClick={() => setDialog('cancel')}>
                {texts.cancelRotation}
              </button>
            </>
          ) : (
            <button type="button" class="secondary" onClick={() => setDialog('start')}>
              {texts.rotateSecret}
            </button>
          )}
        </div>
      )}
      {dialog === 'start' && <StartDialog app={app} reload={reload} onClose={closeDialog} />}
      {dialog === 'finish' && <FinishDialog app={app} reload={reload} onClose={closeDialog} />}
      {dialog === 'cancel' && <CancelDialog app={app} reload={reload} onClose={closeDialog} />}
    </section>
  )
}

function StartDialog({ app, reload, onClose }: AppDialogProps) {
  const { app: texts, apps } = useTexts()
  const { notify } = useSession()
  const [secret, setSecret] = useState('')
  const start = async () => {
    await call('POST', path`apps/${app.name}/secret`, { secret })
    notify(texts.rotateSecretDone)
    void reload()
  }
  return (
    <ConfirmDialog
      title={texts.rotateSecret}
      confirmLabel={texts.rotateSecret}
      canConfirm={secret !== ''}
      onConfirm={start}
      onClose={onClose}
    >
      <p>{texts.rotateSecretDescription}</p>
      <SecretField
        label={texts.newSecret}
        hint={apps.secretHint}
        value={secret}
        onValueChange={setSecret}
        required
      />
    </ConfirmDialog>
  )
}

function FinishDialog({ app, reload, onClose }: AppDialogProps) {
  const { app: texts } = useTexts()
  const { notify } = useSession()
  const finish = async () => {
    await call('DELETE', path`apps/${app.name}/secret/former`)
    notify(texts.finishRotationDone)
    void reload()
  }
  return (
    <ConfirmDialog
      title={texts.finishRotation}
      confirmLabel={texts.finishRotation}
      danger
      onConfirm={finish}
      onClose={onClose}
    >
      <p>{texts.finishRotationDescription}</p>
    </ConfirmDialog>
  )
}

function CancelDialog({ app, reload, onClose }: AppDialogProps) {
  const { app: texts } = useTexts()
  const { notify } = useSession()
  const cancel = async () => {
    await call('DELETE', path`apps/${app.name}/secret`)
    notify(texts.cancelRotationDone)
    void reload()
  }
  return (
    <ConfirmDialog
      title={texts.cancelRotation}
      confirmLabel={texts.cancelRotation}
      danger
      onConfirm={cancel}
      onClose={onClose}
    >
      <p>{texts.cancelRotationDescription}</p>
    </ConfirmDialog>
  )
}
