// Message about a failed request.

import { ApiError } from '../api_client'
import { labelOf, useTexts } from '../language'

/**
 * Shows an error with its invalid fields, and the request id for finding it in the log. `message` replaces
 * the error's own text.
 */
export function ErrorMessage({ error, message }: { error: unknown; message?: string }) {
  const texts = useTexts()
  if (!error) return null
  const failure = error instanceof ApiError ? error.failure : undefined
  const conflict = failure?.conflict && labelOf(texts.conflict, failure.conflict.reason)
  const text = message ?? conflict ?? (failure ? failure.msg : texts.unreachable)
  return (
    <div class="error-message" role="alert">
      <p>{text}</p>
      {failure?.fields && (
        <ul>
          {Object.entries(failure.fields).map(([field, problem]) => (
            <li key={field}>
              <code>{field}</code> {problem}
            </li>
          ))}
        </ul>
      )}
      {failure && <small>{texts.request(failure.requestId)}</small>}
    </div>
  )
}
