// Modal dialog that confirms an action and runs it.

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { useTexts } from '../language'
import { ErrorMessage } from './error_message'

interface ConfirmDialogProps {
  title: string
  confirmLabel: string
  /** Marks an action that cannot be undone or that locks users out. */
  danger?: boolean
  /** Enables the confirm button. */
  canConfirm?: boolean
  /** Runs the action. The dialog shows its error, or closes. */
  onConfirm: () => Promise<void>
  /** Called after the dialog was closed, confirmed or not. */
  onClose: () => void
  children: ComponentChildren
}

export function ConfirmDialog({
  title,
  confirmLabel,
  danger,
  canConfirm = true,
  onConfirm,
  onClose,
  children,
}: ConfirmDialogProps) {
  const texts = useTexts()
  const dialog = useRef<HTMLDialogElement>(null)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const titleId = useId()
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  const submit = async (event: Event) => {
    event.preventDefault()
    if (busy || !canConfirm) return
    setBusy(true)
    setError(undefined)
    try {
      await onConfirm()
      dialog.current?.close()
    } catch (thrown) {
      setError(thrown)
    } finally {
      setBusy(false)
    }
  }
  return (
    <dialog ref={dialog} aria-labelledby={titleId} onClose={onClose}>
      <form onSubmit={submit} autocomplete="off">
        <article>
          <h2 id={titleId}>{title}</h2>
          {children}
          <ErrorMessage error={error} />
          <footer>
            <button type="button" class="secondary" onClick={() => dialog.current?.close()}>
              {texts.cancel}
            </button>
            <button type="submit" class={danger ? 'danger' : ''} disabled={!canConfirm} aria-busy={busy}>
              {confirmLabel}
            </button>
          </footer>
        </article>
      </form>
    </dialog>
  )
}

interface TypeToConfirmProps {
  label: string
  value: string
  onValueChange: (value: string) => void
}

/** Text field for the value that must be typed before an action that cannot be undone. */
export function TypeToConfirm({ label, value, onValueChange }: TypeToConfirmProps) {
  return (
    <label>
      {label}
      <input value={value} onInput={(event) => onValueChange(event.currentTarget.value)} spellcheck={false} />
    </label>
  )
}
