// Form with a title, a submit button and an error message.

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { ErrorMessage } from './error_message'

interface PageFormProps {
  title: string
  description?: string
  submitLabel: string
  onSubmit: () => Promise<void>
  /** Returns a message for an error that has a special meaning in this form. */
  formatError?: (error: unknown) => string | undefined
  /** Heading level: 1 if the form is the whole page. */
  level?: 1 | 2
  children: ComponentChildren
  /** Content below the submit button. */
  footer?: ComponentChildren
}

export function PageForm({
  title,
  description,
  submitLabel,
  onSubmit,
  formatError,
  level = 1,
  children,
  footer,
}: PageFormProps) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const submit = async (event: Event) => {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    setError(undefined)
    await onSubmit().catch(setError)
    setBusy(false)
  }
  const Heading = level === 1 ? 'h1' : 'h2'
  return (
    <form class="page-form" onSubmit={submit}>
      <Heading>{title}</Heading>
      {description && <p class="muted">{description}</p>}
      {children}
      <ErrorMessage error={error} message={formatError?.(error)} />
      <button type="submit" aria-busy={busy}>
        {submitLabel}
      </button>
      {footer}
    </form>
  )
}
