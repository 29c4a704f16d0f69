// The record: what happened that matters to security, filtered.

import { useState } from 'preact/hooks'
import { useTexts } from '../language'
import { Field } from '../parts/field'
import { useSession } from '../session'
import { Events, useNames, type Filter } from './record/events'

const ID = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'

export function Record() {
  const texts = useTexts()
  const { record } = texts
  const { may } = useSession()
  const names = useNames()
  const [typed, setTyped] = useState<Filter>({})
  const [filter, setFilter] = useState<Filter>({})
  const change = (part: Filter) => setTyped({ ...typed, ...part })
  const filtered = Object.values(filter).some(Boolean)
  return (
    <>
      <h1>{record.title}</h1>
      <p class="quiet">{record.lead}</p>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault()
          setFilter({ ...typed })
        }}
      >
        <label>
          {record.kind}
          <select value={typed.kind ?? ''} onChange={(event) => change({ kind: event.currentTarget.value })}>
            <option value="">{record.any}</option>
            {Object.entries(texts.kinds).map(([kind, name]) => (
              <option key={kind} value={kind}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <Field
          label={record.member}
          value={typed.member ?? ''}
          change={(member) => change({ member: member.trim() })}
          pattern={ID}
          title={record.badId}
          spellcheck={false}
        />
        {may('admin') ? (
          <label>
            {record.by}
            <select value={typed.by ?? ''} onChange={(event) => change({ by: event.currentTarget.value })}>
              <option value="">{record.anyone}</option>
              {[...names].map(([id, name]) => (
                <option key={id} value={id}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        ) : (
          <Field
            label={record.byId}
            value={typed.by ?? ''}
            change={(by) => change({ by: by.trim() })}
            pattern={ID}
            title={record.badId}
            spellcheck={false}
          />
        )}
        <div class="buttons">
          <button type="submit">{record.act}</button>
          {filtered && (
            <button
              type="button"
              class="secondary"
              onClick={() => {
                setTyped({})
                setFilter({})
              }}
            >
              {record.reset}
            </button>
          )}
        </div>
      </form>
      <Events filter={filter} />
    </>
  )
}
