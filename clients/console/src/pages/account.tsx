// One's own account: until when one is signed in, and another password.

import { useState } from 'preact/hooks'
import type { AdministratorData } from '../api'
import { useFetched } from '../data'
import { useFormats, useTexts, worded } from '../language'
import { Entry } from '../parts/entry'
import { Field, NewPasswordField } from '../parts/field'
import { Badge } from '../parts/small'
import { call, Refusal } from '../server'
import { roles, useSession } from '../session'

export function Account({ leave }: { leave: (why: string) => void }) {
  const texts = useTexts()
  const formats = useFormats()
  const { me, may } = useSession()
  const { account } = texts
  const session = useFetched(() => call<AdministratorData>('GET', 'session'))
  const [current, setCurrent] = useState('')
  const [password, setPassword] = useState('')
  const act = async () => {
    await call('PUT', 'password', { current, password })
    leave(account.done)
  }
  const said = (failure: unknown) =>
    failure instanceof Refusal && failure.status === 403 ? account.wrong : undefined
  return (
    <>
      <h1>{account.title}</h1>
      <section class="card">
        <p>
          <strong>
            <bdi>{me.name}</bdi>
          </strong>{' '}
          <Badge tone="cool">{worded(texts.role, me.role)}</Badge>
        </p>
        <ul class="quiet">
          {roles
            .filter((role) => may(role))
            .map((role) => (
              <li key={role}>{worded(texts.roleMay, role)}</li>
            ))}
        </ul>
        {session.data && <p class="quiet">{account.until(formats.time(session.data.expiresAt))}</p>}
      </section>
      <section class="card narrow">
        <Entry title={account.password} verb={account.act} act={act} said={said} level={2}>
          <input type="text" name="username" autocomplete="username" value={me.name} hidden readOnly />
          <Field
            label={account.current}
            value={current}
            change={setCurrent}
            type="password"
            autocomplete="current-password"
            required
          />
          <NewPasswordField value={password} change={setPassword} />
          {null}
        </Entry>
      </section>
    </>
  )
}
