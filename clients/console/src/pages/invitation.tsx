// Page on which an invited administrator sets a password.

import { useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import { ApiError, call } from '../api_client'
import { Field, NameField, NewPasswordField } from '../components/field'
import { PageForm } from '../components/page_form'
import { useTexts } from '../language'

export function Invitation({ onAccepted }: { onAccepted: (message: string) => void }) {
  const texts = useTexts()
  const { invitation } = texts
  const [name, setName] = useState('')
  const [code, setCode] = useState('')
  const [password, setPassword] = useState('')
  const accept = async () => {
    await call('POST', 'invitation', { name, code: code.trim(), password }, { anonymous: true })
    onAccepted(invitation.accepted)
  }
  const formatError = (error: unknown) =>
    error instanceof ApiError && error.status === 401 ? invitation.invalidCode : undefined
  return (
    <PageForm
      title={invitation.title}
      description={invitation.description}
      submitLabel={invitation.submit}
      onSubmit={accept}
      formatError={formatError}
      footer={<Link href="/">{texts.signIn.back}</Link>}
    >
      <NameField value={name} onValueChange={setName} />
      <Field
        label={invitation.code}
        value={code}
        onValueChange={setCode}
        autocomplete="one-time-code"
        required
        spellcheck={false}
      />
      <NewPasswordField value={password} onValueChange={setPassword} />
    </PageForm>
  )
}
