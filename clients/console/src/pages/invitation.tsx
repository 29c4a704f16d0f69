// The way in for who was invited: a password of their own.

import { useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import { useTexts } from '../language'
import { Entry } from '../parts/entry'
import { Field, NameField, NewPasswordField } from '../parts/field'
import { call, Refusal } from '../server'

export function Invitation({ done }: { done: (text: string) => void }) {
  const texts = useTexts()
  const { invitation } = texts
  const [name, setName] = useState('')
  const [code, setCode] = useState('')
  const [password, setPassword] = useState('')
  const act = async () => {
    await call('POST', 'invitation', { name, code: code.trim(), password }, { stranger: true })
    done(invitation.done)
  }
  const said = (failure: unknown) =>
    failure instanceof Refusal && failure.status === 401 ? invitation.wrong : undefined
  return (
    <Entry title={invitation.title} lead={invitation.lead} verb={invitation.act} act={act} said={said}>
      <NameField value={name} change={setName} />
      <Field
        label={invitation.code}
        value={code}
        change={setCode}
        autocomplete="one-time-code"
        required
        spellcheck={false}
      />
      <NewPasswordField value={password} change={setPassword} />
      <Link href="/">{texts.signIn.back}</Link>
    </Entry>
  )
}
