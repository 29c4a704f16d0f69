// A form on a page: what it says, its fields, its button, and why it failed.

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { FailureNote } from './failure'

interface EntryProps {
  title: string
  lead?: string
  verb: string
  act: () => Promise<void>
  /** What a failure means here. */
  said?: (failure: unknown) => string | undefined
  /** The heading's level: 1 where the form is the page. */
  level?: 1 | 2
  /** The fields; what comes last stands below the button. */
  children: ComponentChildren
}

export function Entry({ title, lead, verb, act, said, level = 1, children }: EntryProps) {
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<unknown>()
  const submit = async (event: Event) => {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    setFailure(undefined)
    await act().catch(setFailure)
    setBusy(false)
  }
  const Heading = level === 1 ? 'h1' : 'h2'
  const fields = Array.isArray(children) ? children.slice(0, -1) : children
  const below = Array.isArray(children) ? children.at(-1) : null
  return (
    <form class="entry" onSubmit={submit}>
      <Heading>{title}</Heading>
      {lead && <p class="quiet">{lead}</p>}
      {fields}
      <FailureNote failure={failure} said={said?.(failure)} />
      <button type="submit" aria-busy={busy}>
        {verb}
      </button>
      {below}
    </form>
  )
}
