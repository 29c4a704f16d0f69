// The way in.

import { useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import type { AdministratorData } from '../api'
import { useTexts } from '../language'
import { Entry } from '../parts/entry'
import { Field, NameField } from '../parts/field'
import { call, Refusal } from '../server'

export function SignIn({ enter }: { enter: (me: AdministratorData) => void }) {
  const texts = useTexts().signIn
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const act = async () => {
    enter(await call('POST', 'session', { name, password }, { stranger: true }))
  }
  const said = (failure: unknown) =>
    failure instanceof Refusal && failure.status === 401 ? texts.wrong : undefined
  return (
    <Entry title={texts.title} lead={texts.lead} verb={texts.act} act={act} said={said}>
      <NameField value={name} change={setName} />
      <Field
        label={texts.password}
        value={password}
        change={setPassword}
        type="password"
        autocomplete="current-password"
        required
      />
      <Link href="/invitation">{texts.invited}</Link>
    </Entry>
  )
}
