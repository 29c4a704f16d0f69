// Sign-in page.

import { useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import type { AdministratorData } from '../api'
import { ApiError, call } from '../api_client'
import { Field, NameField } from '../components/field'
import { PageForm } from '../components/page_form'
import { useTexts } from '../language'

export function SignIn({ onSignedIn }: { onSignedIn: (admin: AdministratorData) => void }) {
  const texts = useTexts().signIn
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const signIn = async () => {
    onSignedIn(await call('POST', 'session', { name, password }, { anonymous: true }))
  }
  const formatError = (error: unknown) =>
    error instanceof ApiError && error.status === 401 ? texts.invalidCredentials : undefined
  return (
    <PageForm
      title={texts.title}
      description={texts.description}
      submitLabel={texts.submit}
      onSubmit={signIn}
      formatError={formatError}
      footer={<Link href="/invitation">{texts.invited}</Link>}
    >
      <NameField value={name} onValueChange={setName} />
      <Field
        label={texts.password}
        value={password}
        onValueChange={setPassword}
        type="password"
        autocomplete="current-password"
        required
      />
    </PageForm>
  )
}
