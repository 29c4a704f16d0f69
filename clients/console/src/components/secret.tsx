// Modal dialog that shows a secret once.

import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { useTexts } from '../language'

interface SecretDialogProps {
  title: string
  description: string
  value: string
  onClose: () => void
}

export function SecretDialog({ title, description, value, onClose }: SecretDialogProps) {
  const texts = useTexts()
  const dialog = useRef<HTMLDialogElement>(null)
  const [copied, setCopied] = useState(false)
  const titleId = useId()
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])
  const copy = () =>
    navigator.clipboard.writeText(value).then(
      () => setCopied(true),
      () => {},
    )
  return (
    <dialog ref={dialog} aria-labelledby={titleId} onClose={onClose}>
      <article>
        <h2 id={titleId}>{title}</h2>
        <p>{description}</p>
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
