// What is shown where something failed, or is not there yet.

import { useTexts, worded } from '../language'
import { Refusal } from '../server'
import type { Fetched } from '../data'

/** Why something failed, with what is wrong with which field, and the request for the log. */
export function FailureNote({ failure, said }: { failure: unknown; said?: string }) {
  const texts = useTexts()
  if (!failure) return null
  const refusal = failure instanceof Refusal ? failure.failure : undefined
  const reason = refusal?.conflict && worded(texts.conflict, refusal.conflict.reason)
  const message = said ?? reason ?? (refusal ? refusal.msg : texts.unreachable)
  return (
    <div class="failure" role="alert">
      <p>{message}</p>
      {refusal?.fields && (
        <ul>
          {Object.entries(refusal.fields).map(([field, fault]) => (
            <li key={field}>
              <code>{field}</code> {fault}
            </li>
          ))}
        </ul>
      )}
      {refusal && <small>{texts.request(refusal.requestId)}</small>}
    </div>
  )
}

/** Stands in for what is fetched, until it is there. */
export function Waiting({ of }: { of: Fetched<unknown> }) {
  const texts = useTexts()
  if (of.failure) {
    return (
      <>
        <FailureNote failure={of.failure} />
        <button type="button" class="secondary" onClick={() => void of.again()}>
          {texts.retry}
        </button>
      </>
    )
  }
  return (
    <p class="waiting" aria-busy="true">
      {texts.loading}
    </p>
  )
}
