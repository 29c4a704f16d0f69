// Page of the administrator's own account: role, end of the session and password change.

import { useState } from 'preact/hooks'
import type { AdministratorData } from '../api'
import { ApiError, call } from '../api_client'
import { Badge } from '../components/badge'
import { Field, NewPasswordField } from '../components/field'
import { PageForm } from '../components/page_form'
import { labelOf, useFormats, useTexts } from '../language'
import { roles, useSession } from '../session'
import { useFetch } from '../use_fetch'

export function Account({ endSession }: { endSession: (message: string) => void }) {
  const texts = useTexts()
  const formats = useFormats()
  const { me, can } = useSession()
  const { account } = texts
  const session = useFetch(() => call<AdministratorData>('GET', 'session'))
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const changePassword = async () => {
    await call('PUT', 'password', { current, password })
    endSession(account.passwordChanged)
  }
  const formatError = (error: unknown) =>
    error instanceof ApiError && error.status === 403 ? account.wrongPassword : undefined
  return (
    <>
      <h1>{account.title}</h1>
      <section class="card">
        <p>
          <strong>
            <bdi>{me.name}</bdi>
          </strong>{' '}
          <Badge tone="info">{labelOf(texts.role, me.role)}</Badge>
        </p>
        <ul class="muted">
          {roles
            .filter((role) => can(role))
            .map((role) => (
              <li key={role}>{labelOf(texts.roleRights, role)}</li>
            ))}
        </ul>
        {session.data && <p class="muted">{account.signedInUntil(formats.time(session.data.expiresAt))}</p>}
      </section>
      <section class="card narrow">
        <PageForm
          title={account.changePassword}
          submitLabel={account.submit}
          onSubmit={changePassword}
          formatError={formatError}
          level={2}
        >
          {/* Tells password managers which account the password belongs to. */}
          <input type="text" name="username" autocomplete="username" value={me.name} hidden readOnly />
          <Field
            label={account.currentPassword}
            value={current}
            onValueChange={setCurrent}
            type="password"
            autocomplete="current-password"
            required
          />
          <NewPasswordField value={password} onValueChange={setPassword} />
        </PageForm>
      </section>
    </>
  )
}
