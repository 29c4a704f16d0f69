// Status of a registered app: enable, disable and remove it.

import { useState } from 'preact/hooks'
import { useLocation } from 'wouter-preact'
import type { AppData } from '../../api'
import { call, path } from '../../api_client'
import { ConfirmDialog, TypeToConfirm } from '../../components/confirm_dialog'
import { useFormats, useTexts } from '../../language'
import { useSession } from '../../session'
import type { AppDialogProps, AppProps } from './props'

export function AppStatus({ app, reload }: AppProps) {
  const { app: texts } = useTexts()
  const formats = useFormats()
  const { can } = useSession()
  const [dialog, setDialog] = useState<'enable' | 'remove'>()
  const closeDialog = () => setDialog(undefined)
  const { disabledAt, createdAt } = app.registration!
  return (
    <section class="card">
      <h2>{texts.status}</h2>
      <p>
        {texts.added(formats.time(createdAt))} {disabledAt && texts.disabledSince(formats.time(disabledAt))}
      </p>
      {can('admin') && (
        <div class="buttons">
          <button
            type="button"
            class={disabledAt ? '' : 'danger outline'}
            onClick={() => setDialog('enable')}
          >
            {disabledAt ? texts.enable : texts.disable}
          </button>
          {disabledAt && (
            <button type="button" class="danger outline" onClick={() => setDialog('remove')}>
              {texts.remove}
            </button>
          )}
        </div>
      )}
      {dialog === 'enable' && <EnableDialog app={app} reload={reload} onClose={closeDialog} />}
      {dialog === 'remove' && <RemoveDialog app={app} onClose={closeDialog} />}
    </section>
  )
}

/** Enables a disabled app, or disables an enabled one. */
function EnableDialog({ app, reload, onClose }: AppDialogProps) {
  const { app: texts } = useTexts()
  const { notify } = useSession()
  // Keeps the value of the moment the dialog opened, so that a reload does not turn its action into the
  // opposite.
  const [disabled] = useState(Boolean(app.registration!.disabledAt))
  const toggle = async () => {
    await call('POST', disabled ? path`apps/${app.name}/enable` : path`apps/${app.name}/disable`)
    notify(disabled ? texts.enableDone : texts.disableDone)
    void reload()
  }
  const label = disabled ? texts.enable : texts.disable
  return (
    <ConfirmDialog
      title={`${label}: ${app.name}`}
      confirmLabel={label}
      danger={!disabled}
      onConfirm={toggle}
      onClose={onClose}
    >
      <p>{disabled ? texts.enableDescription : texts.disableDescription}</p>
    </ConfirmDialog>
  )
}

function RemoveDialog({ app, onClose }: { app: AppData; onClose: () => void }) {
  const { app: texts } = useTexts()
  const { notify } = useSession()
  const [, navigate] = useLocation()
  const [typedName, setTypedName] = useState('')
  const remove = async () => {
    await call('DELETE', path`apps/${app.name}`)
    notify(texts.removeDone, true)
    navigate('/apps')
  }
  return (
    <ConfirmDialog
      title={`${texts.remove}: ${app.name}`}
      confirmLabel={texts.remove}
      danger
      canConfirm={typedName.trim() === app.name}
      onConfirm={remove}
      onClose={onClose}
    >
      <p>{texts.removeDescription}</p>
      <TypeToConfirm
        label={texts.typeNameToRemove(app.name)}
        value={typedName}
        onValueChange={setTypedName}
      />
    </ConfirmDialog>
  )
}
