// Sign-in policy of an app, read-only or as a form.

import { useState } from 'preact/hooks'
import type { AppPolicy, AppPolicyData } from '../../api'
import { call, path } from '../../api_client'
import { ErrorMessage } from '../../components/error_message'
import { Field, Toggle } from '../../components/field'
import { labelOf, useFormats, useTexts } from '../../language'
import { useSession } from '../../session'
import type { AppProps } from './props'

const lifetimes = ['accessTtl', 'refreshTtl', 'sessionTtl'] as const
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
      <dd>{labelOf(app.conflictPolicies, policy.onConflict)}</dd>
      <dt>{app.openPlatform}</dt>
      <dd>{policy.openPlatform ?? texts.notSet}</dd>
      {lifetimes.map((lifetime) => (
        <>
          <dt>{app[lifetime]}</dt>
          <dd>{policy[lifetime] === null ? app.default : number(policy[lifetime])}</dd>
        </>
      ))}
    </dl>
  )
}

/** The policy as form input: lifetimes are text, empty for the configured default. */
type PolicyInput = Omit<AppPolicyData, (typeof lifetimes)[number]> &
  Record<(typeof lifetimes)[number], string>

function toInput(policy: AppPolicyData): PolicyInput {
  const toText = (seconds: number | null) => (seconds === null ? '' : String(seconds))
  return {
    ...policy,
    accessTtl: toText(policy.accessTtl),
    refreshTtl: toText(policy.refreshTtl),
    sessionTtl: toText(policy.sessionTtl),
  }
}

function toPolicy(input: PolicyInput): AppPolicy {
  const toSeconds = (text: string) => (text === '' ? null : Number(text))
  return {
    ...input,
    onConflict: input.onConflict as AppPolicy['onConflict'],
    openPlatform: input.openPlatform || null,
    accessTtl: toSeconds(input.accessTtl),
    refreshTtl: toSeconds(input.refreshTtl),
    sessionTtl: toSeconds(input.sessionTtl),
  }
}

export function PolicyForm({ app, reload }: AppProps) {
  const texts = useTexts()
  const { notify } = useSession()
  const [input, setInput] = useState(() => toInput(app.policy))
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const update = (change: Partial<PolicyInput>) => setInput({ ...input, ...change })
  const save = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    setError(undefined)
    try {
      await call('PUT', path`apps/${app.name}/policy`, toPolicy(input))
      notify(texts.app.policySaved)
      await reload()
    } catch (thrown) {
      setError(thrown)
    }
    setBusy(false)
  }
  return (
    <form onSubmit={save}>
      {flags.map((flag) => (
        <Toggle
          key={flag}
          label={texts.app[flag]}
          value={input[flag]}
          onValueChange={(value) => update({ [flag]: value })}
        />
      ))}
      <label>
        {texts.app.onConflict}
        <select
          value={input.onConflict}
          onChange={(event) => update({ onConflict: event.currentTarget.value })}
        >
          {Object.entries(texts.app.conflictPolicies).map(([policy, label]) => (
            <option key={policy} value={policy}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <Field
        label={texts.app.openPlatform}
        value={input.openPlatform ?? ''}
        onValueChange={(openPlatform) => update({ openPlatform })}
        pattern="[A-Za-z0-9._\-]+"
        maxLength={64}
        placeholder={texts.notSet}
      />
      {lifetimes.map((lifetime) => (
        <Field
          key={lifetime}
          label={texts.app[lifetime]}
          value={input[lifetime]}
          onValueChange={(value) => update({ [lifetime]: value })}
          type="number"
          min={lifetime === 'accessTtl' ? 60 : 3600}
          placeholder={texts.app.default}
        />
      ))}
      <ErrorMessage error={error} />
      <button type="submit" aria-busy={busy}>
        {texts.save}
      </button>
    </form>
  )
}
