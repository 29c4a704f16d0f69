// Small things that stand in many places.

import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { useFormats, useTexts } from '../language'
import type { Paged } from '../data'
import { FailureNote } from './failure'

/** A time, as people write it; to the second for those who point at it. */
export function Time({ at }: { at: string | null }) {
  const texts = useTexts()
  const formats = useFormats()
  if (!at) return <span class="quiet">{texts.never}</span>
  return (
    <time dateTime={at} title={formats.exact(at)}>
      {formats.time(at)}
    </time>
  )
}

/** A word that stands out by its colour, too. */
export function Badge({
  tone,
  children,
}: {
  tone: 'good' | 'bad' | 'warm' | 'cool'
  children: ComponentChildren
}) {
  return <span class={`badge ${tone}`}>{children}</span>
}

/** A table that scrolls where it is too wide. */
export function Table({
  label,
  head,
  children,
}: {
  label: string
  head: string[]
  children: ComponentChildren
}) {
  return (
    <div class="table" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}

/** Shows the next page. */
export function Older({ pages }: { pages: Paged<unknown> }) {
  const texts = useTexts()
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<unknown>()
  if (!pages.more) return null
  const act = async () => {
    setBusy(true)
    setFailure(undefined)
    await pages.older().catch(setFailure)
    setBusy(false)
  }
  return (
    <>
      <FailureNote failure={failure} />
      <button type="button" class="secondary" aria-busy={busy} onClick={() => void act()}>
        {texts.older}
      </button>
    </>
  )
}
