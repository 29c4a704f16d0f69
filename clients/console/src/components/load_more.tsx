// Button that loads the next page of a list.

import { useState } from 'preact/hooks'
import { useTexts } from '../language'
import type { PaginatedState } from '../use_fetch'
import { ErrorMessage } from './error_message'

/** Renders nothing if there is no further page. */
export function LoadMore({ pages }: { pages: PaginatedState<unknown> }) {
  const texts = useTexts()
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  if (!pages.hasMore) return null
  const load = async () => {
    setBusy(true)
    setError(undefined)
    await pages.loadMore().catch(setError)
    setBusy(false)
  }
  return (
    <>
      <ErrorMessage error={error} />
      <button type="button" class="secondary" aria-busy={busy} onClick={() => void load()}>
        {texts.loadMore}
      </button>
    </>
  )
}
