// A secret that is shown once.

import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { useTexts } from '../language'

interface SecretProps {
  title: string
  about: string
  value: string
  close: () => void
}

export function Secret({ title, about, value, close }: SecretProps) {
  const texts = useTexts()
  const dialog = useRef<HTMLDialogElement>(null)
  const [copied, setCopied] = useState(false)
  const id = useId()
  useEffect(() => {
    const shown = dialog.current
    shown?.showModal()
    return () => shown?.close()
  }, [])
  const copy = () =>
    navigator.clipboard.writeText(value).then(
      () => setCopied(true),
      () => {},
    )
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={close}>
      <article>
        <h2 id={id}>{title}</h2>
        <p>{about}</p>
        <output class="secret">{value}</output>
        <p role="status">{copied && texts.copied}</p>
        <footer>
          <button type="button" class="secondary" onClick={() => void copy()}>
            {texts.copy}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            {texts.close}
          </button>
        </footer>
      </article>
    </dialog>
  )
}
