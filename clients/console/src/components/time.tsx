// A point in time.

import { useFormats, useTexts } from '../language'

/**
 * Shows a time to the minute, and to the second in its tooltip. `null` stands for a time not yet scheduled.
 */
export function Time({ at }: { at: string | null }) {
  const texts = useTexts()
  const formats = useFormats()
  if (!at) return <span class="muted">{texts.notScheduled}</span>
  return (
    <time dateTime={at} title={formats.exactTime(at)}>
      {formats.time(at)}
    </time>
  )
}
