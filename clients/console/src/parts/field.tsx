// A labelled field with a hint below.

import type { InputHTMLAttributes } from 'preact'
import { useId } from 'preact/hooks'

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'onInput' | 'value'> {
  label: string
  hint?: string
  value: string
  change: (value: string) => void
}

export function Field({ label, hint, value, change, ...rest }: FieldProps) {
  const id = useId()
  return (
    <label>
      {label}
      <input
        {...rest}
        value={value}
        onInput={(event) => change(event.currentTarget.value)}
        aria-describedby={hint ? id : undefined}
      />
      {hint && <small id={id}>{hint}</small>}
    </label>
  )
}

export function Check({
  label,
  value,
  change,
}: {
  label: string
  value: boolean
  change: (value: boolean) => void
}) {
  return (
    <label>
      <input
        type="checkbox"
        role="switch"
        checked={value}
        onChange={(event) => change(event.currentTarget.checked)}
      />
      {label}
    </label>
  )
}
