// A labelled field with a hint below.

import type { InputHTMLAttributes } from 'preact'
import { useId } from 'preact/hooks'
import { useTexts } from '../language'

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

/** The name of an administrator who comes in. */
export function NameField(props: Pick<FieldProps, 'value' | 'change'>) {
  const { name } = useTexts().signIn
  return <Field {...props} label={name} autocomplete="username" autocapitalize="none" required />
}

/** A password that is to be theirs from now on. */
export function NewPasswordField(props: Pick<FieldProps, 'value' | 'change'>) {
  const { password, hint } = useTexts().invitation
  return (
    <Field
      {...props}
      label={password}
      hint={hint}
      type="password"
      autocomplete="new-password"
      minLength={12}
      required
    />
  )
}

/** A secret that is pasted: hidden, kept by no browser, without the space around it. */
export function SecretField({ change, ...rest }: FieldProps) {
  return <Field {...rest} change={(text) => change(text.trim())} type="password" autocomplete="off" />
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
