// Form fields with labels.

import type { InputHTMLAttributes } from 'preact'
import { useId } from 'preact/hooks'
import { useTexts } from '../language'

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'onInput' | 'value'> {
  label: string
  /** Explanation below the field. */
  hint?: string
  value: string
  onValueChange: (value: string) => void
}

/** Text field. */
export function Field({ label, hint, value, onValueChange, ...attributes }: FieldProps) {
  const hintId = useId()
  return (
    <label>
      {label}
      <input
        {...attributes}
        value={value}
        onInput={(event) => onValueChange(event.currentTarget.value)}
        aria-describedby={hint ? hintId : undefined}
      />
      {hint && <small id={hintId}>{hint}</small>}
    </label>
  )
}

/** Field for an administrator's name, on the sign-in and invitation pages. */
export function NameField(props: Pick<FieldProps, 'value' | 'onValueChange'>) {
  const { name } = useTexts().signIn
  return <Field {...props} label={name} autocomplete="username" autocapitalize="none" required />
}

/** Field for an administrator's new password. */
export function NewPasswordField(props: Pick<FieldProps, 'value' | 'onValueChange'>) {
  const { password, passwordHint } = useTexts().invitation
  return (
    <Field
      {...props}
      label={password}
      hint={passwordHint}
      type="password"
      autocomplete="new-password"
      minLength={12}
      required
    />
  )
}

/** Field for a secret: masked, not stored by the browser, without surrounding whitespace. */
export function SecretField({ onValueChange, ...props }: FieldProps) {
  const trim = (text: string) => onValueChange(text.trim())
  return <Field {...props} onValueChange={trim} type="password" autocomplete="off" />
}

interface ToggleProps {
  label: string
  value: boolean
  onValueChange: (value: boolean) => void
}

/** Switch for a boolean setting. */
export function Toggle({ label, value, onValueChange }: ToggleProps) {
  return (
    <label>
      <input
        type="checkbox"
        role="switch"
        checked={value}
        onChange={(event) => onValueChange(event.currentTarget.checked)}
      />
      {label}
    </label>
  )
}
