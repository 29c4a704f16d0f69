// Placeholder for data that is being fetched or could not be fetched.

import { useTexts } from '../language'
import type { FetchState } from '../use_fetch'
import { ErrorMessage } from './error_message'

/** Shows that a fetch is in progress, or its error with a button to retry. */
export function Loading({ of }: { of: FetchState<unknown> }) {
  const texts = useTexts()
  if (of.error) {
    return (
      <>
        <ErrorMessage error={of.error} />
        <button type="button" class="secondary" onClick={() => void of.reload()}>
          {texts.retry}
        </button>
      </>
    )
  }
  return (
    <p class="loading" aria-busy="true">
      {texts.loading}
    </p>
  )
}
