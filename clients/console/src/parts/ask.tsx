// A dialog that asks before something is done, and does it.

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { useTexts } from '../language'
import { FailureNote } from './failure'

interface AskProps {
  title: string
  /** What the button says that does it. */
  verb: string
  /** Whether it cannot be taken back. */
  danger?: boolean
  /** Whether it may be done as things stand. */
  ready?: boolean
  act: () => Promise<void>
  /** The dialog is gone. */
  close: () => void
  /** What a failure of this status means here. */
  said?: (failure: unknown) => string | undefined
  children: ComponentChildren
}

export function Ask({ title, verb, danger, ready = true, act, close, said, children }: AskProps) {
  const texts = useTexts()
  const dialog = useRef<HTMLDialogElement>(null)
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<unknown>()
  const id = useId()
  useEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    return () => shown?.close()
  }, [])
  const submit = async (event: Event) => {
    event.preventDefault()
    if (busy || !ready) return
    setBusy(true)
    setFailure(undefined)
    try {
      await act()
      dialog.current?.close()
    } catch (refused) {
      setFailure(refused)
    } finally {
      setBusy(false)
    }
  }
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={close}>
      <form onSubmit={submit} autocomplete="off">
        <article>
          <h2 id={id}>{title}</h2>
          {children}
          <FailureNote failure={failure} said={said?.(failure)} />
          <footer>
            <button type="button" class="secondary" onClick={() => dialog.current?.close()}>
              {texts.cancel}
            </button>
            <button type="submit" class={danger ? 'danger' : ''} disabled={!ready} aria-busy={busy}>
              {verb}
            </button>
          </footer>
        </article>
      </form>
    </dialog>
  )
}

/** Asks for a text to be typed, as a second look before what cannot be taken back. */
export function SecondLook({
  ask,
  typed,
  type,
}: {
  ask: string
  typed: string
  type: (text: string) => void
}) {
  return (
    <label>
      {ask}
      <input value={typed} onInput={(event) => type(event.currentTarget.value)} spellcheck={false} />
    </label>
  )
}
