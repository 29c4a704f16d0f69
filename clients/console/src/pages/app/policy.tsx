// What is asked of those who log in to an app: shown, or in a form.

import { useState } from 'preact/hooks'
import type { AppPolicy, AppPolicyData } from '../../api'
import { useFormats, useTexts, worded } from '../../language'
import { FailureNote } from '../../parts/failure'
import { Check, Field } from '../../parts/field'
import { call, path } from '../../server'
import { useSession } from '../../session'
import type { AppProps } from '../app'

const lives = ['accessTtl', 'refreshTtl', 'sessionTtl'] as const
const flags = ['autoRegister', 'phoneRequired', 'storeSessionKeys'] as const

export function Policy({ app: { policy } }: Pick<AppProps, 'app'>) {
  const texts = useTexts()
  const { app } = texts
  const { number } = useFormats()
  return (
    <dl>
      {flags.map((flag) => (
        <>
          <dt>{app[flag]}</dt>
          <dd>{policy[flag] ? texts.yes : texts.no}</dd>
        </>
      ))}
      <dt>{app.onConflict}</dt>
      <dd>{worded(app.conflicts, policy.onConflict)}</dd>
      <dt>{app.openPlatform}</dt>
      <dd>{policy.openPlatform ?? texts.none}</dd>
      {lives.map((life) => (
        <>
          <dt>{app[life]}</dt>
          <dd>{policy[life] === null ? app.usual : number(policy[life])}</dd>
        </>
      ))}
    </dl>
  )
}

/** The policy as it is typed: lives as texts, empty where they are as usual. */
type Typed = Omit<AppPolicyData, (typeof lives)[number]> & Record<(typeof lives)[number], string>

function typedOf(policy: AppPolicyData): Typed {
  const text = (seconds: number | null) => (seconds === null ? '' : String(seconds))
  const { accessTtl, refreshTtl, sessionTtl } = policy
  return { ...policy, accessTtl: text(accessTtl), refreshTtl: text(refreshTtl), sessionTtl: text(sessionTtl) }
}

function policyOf(typed: Typed): AppPolicy {
  const seconds = (text: string) => (text === '' ? null : Number(text))
  const { accessTtl, refreshTtl, sessionTtl } = typed
  return {
    ...typed,
    onConflict: typed.onConflict as AppPolicy['onConflict'],
    openPlatform: typed.openPlatform || null,
    accessTtl: seconds(accessTtl),
    refreshTtl: seconds(refreshTtl),
    sessionTtl: seconds(sessionTtl),
  }
}

export function PolicyForm({ app, again }: AppProps) {
  const texts = useTexts()
  const { say } = useSession()
  const [typed, setTyped] = useState(() => typedOf(app.policy))
  const [failure, setFailure] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const change = (part: Partial<Typed>) => setTyped({ ...typed, ...part })
  const save = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    setFailure(undefined)
    try {
      await call('PUT', path`apps/${app.name}/policy`, policyOf(typed))
      say(texts.app.saved)
      await again()
    } catch (refused) {
      setFailure(refused)
    }
    setBusy(false)
  }
  return (
    <form onSubmit={save}>
      {flags.map((flag) => (
        <Check
          key={flag}
          label={texts.app[flag]}
          value={typed[flag]}
          change={(value) => change({ [flag]: value })}
        />
      ))}
      <label>
        {texts.app.onConflict}
        <select
          value={typed.onConflict}
          onChange={(event) => change({ onConflict: event.currentTarget.value })}
        >
          {Object.entries(texts.app.conflicts).map(([policy, name]) => (
            <option key={policy} value={policy}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <Field
        label={texts.app.openPlatform}
        value={typed.openPlatform ?? ''}
        change={(openPlatform) => change({ openPlatform })}
        pattern="[A-Za-z0-9._\-]+"
        maxLength={64}
        placeholder={texts.none}
      />
      {lives.map((life) => (
        <Field
          key={life}
          label={texts.app[life]}
          value={typed[life]}
          change={(value) => change({ [life]: value })}
          type="number"
          min={life === 'accessTtl' ? 60 : 3600}
          placeholder={texts.app.usual}
        />
      ))}
      <FailureNote failure={failure} />
      <button type="submit" aria-busy={busy}>
        {texts.save}
      </button>
    </form>
  )
}
