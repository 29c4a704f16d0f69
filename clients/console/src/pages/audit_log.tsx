// Page of the audit log, with filters.

import { useState } from 'preact/hooks'
import { Field } from '../components/field'
import { useTexts } from '../language'
import { useSession } from '../session'
import { Events, useAdminNames, type EventFilter } from './audit_log/events'

/** Pattern of member and administrator ids (UUIDs). */
const ID_PATTERN = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'

export function AuditLog() {
  const texts = useTexts()
  const { audit } = texts
  const { can } = useSession()
  const adminNames = useAdminNames()
  const [input, setInput] = useState<EventFilter>({})
  const [filter, setFilter] = useState<EventFilter>({})
  const update = (change: EventFilter) => setInput({ ...input, ...change })
  const isFiltered = Object.values(filter).some(Boolean)
  return (
    <>
      <h1>{audit.title}</h1>
      <p class="muted">{audit.description}</p>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault()
          setFilter({ ...input })
        }}
      >
        <label>
          {audit.event}
          <select value={input.kind ?? ''} onChange={(event) => update({ kind: event.currentTarget.value })}>
            <option value="">{audit.allEvents}</option>
            {Object.entries(texts.kinds).map(([kind, label]) => (
              <option key={kind} value={kind}>
                {label}
              </option>
            ))}
          </select>
        </label>
        <Field
          label={audit.memberId}
          value={input.member ?? ''}
          onValueChange={(member) => update({ member: member.trim() })}
          pattern={ID_PATTERN}
          title={audit.invalidId}
          spellcheck={false}
        />
        {can('admin') ? (
          <label>
            {audit.administrator}
            <select value={input.by ?? ''} onChange={(event) => update({ by: event.currentTarget.value })}>
              <option value="">{audit.allAdministrators}</option>
              {[...adminNames].map(([id, name]) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <Field
            label={audit.administratorId}
            value={input.by ?? ''}
            onValueChange={(by) => update({ by: by.trim() })}
            pattern={ID_PATTERN}
            title={audit.invalidId}
            spellcheck={false}
          />
        )}
        <div class="buttons">
          <button type="submit">{audit.applyFilter}</button>
          {isFiltered && (
            <button
              type="button"
              class="secondary"
              onClick={() => {
                setInput({})
                setFilter({})
              }}
            >
              {audit.resetFilter}
            </button>
          )}
        </div>
      </form>
      <Events filter={filter} />
    </>
  )
}
