// Events of the record, page by page.

import { Link } from 'wouter-preact'
import type { AdminsData, EventData, EventsData } from '../../api'
import { PAGE, useFetched, usePages } from '../../data'
import { useTexts, worded } from '../../language'
import { Waiting } from '../../parts/failure'
import { Older, Table, Time } from '../../parts/small'
import { call } from '../../server'
import { useSession } from '../../session'

/** Which events are shown; what is absent does not matter. */
export interface Filter {
  kind?: string
  member?: string
  by?: string
}

/** The names of administrators by their ids, as far as one may know them. */
export function useNames(): Map<string, string> {
  const { me, may } = useSession()
  const admins = useFetched(async () =>
    may('admin') ? (await call<AdminsData>('GET', 'admins')).admins : [],
  )
  return new Map([[me.adminId, me.name], ...(admins.data ?? []).map((it) => [it.adminId, it.name] as const)])
}

interface EventsProps {
  filter: Filter
  /** What the events are shown with: another one has them fetched anew. */
  about?: unknown
  withoutMember?: boolean
}

export function Events({ filter, about, withoutMember = false }: EventsProps) {
  const texts = useTexts().record
  const names = useNames()
  const { kind, member, by } = filter
  const events = usePages<EventData>(
    async (last) => {
      const asked = { kind, member, by, before: last?.id, limit: String(PAGE) }
      const given = Object.entries(asked).filter((pair): pair is [string, string] => Boolean(pair[1]))
      return (await call<EventsData>('GET', `audit?${new URLSearchParams(given)}`)).events
    },
    [kind, member, by, about],
  )
  if (!events.data) return <Waiting of={events} />
  if (events.data.length === 0) return <p class="empty">{texts.nothing}</p>
  const head = [texts.when, texts.what, texts.whom, texts.who, texts.where]
  return (
    <>
      <Table
        label={withoutMember ? texts.what : texts.title}
        head={withoutMember ? head.filter((it) => it !== texts.whom) : head}
      >
        {events.data.map((event) => (
          <tr key={event.id}>
            <td>
              <Time at={event.at} />
            </td>
            <td>
              <What event={event} />
            </td>
            {!withoutMember && (
              <td>
                <Whom event={event} names={names} />
              </td>
            )}
            <td>
              <Who event={event} names={names} />
            </td>
            <td>
              {event.app}
              <small class="id">{event.requestId}</small>
            </td>
          </tr>
        ))}
      </Table>
      <Older pages={events} />
    </>
  )
}

/** Whether it was somebody outside, and went wrong. */
const alarming = [
  'login_refused',
  'refresh_replayed',
  'login_code_reused',
  'union_id_changed',
  'admin_refused',
]

function What({ event }: { event: EventData }) {
  const texts = useTexts()
  const { kind, detail, otherMemberId } = event
  return (
    <>
      <span class={alarming.includes(kind) ? 'event alarming' : 'event'}>{worded(texts.kinds, kind)}</span>
      {detail && <small class="detail">{worded(texts.details, detail)}</small>}
      {otherMemberId && (
        <small class="detail">
          {texts.record.merged} <code>{otherMemberId}</code>
        </small>
      )}
    </>
  )
}

interface Named {
  event: EventData
  names: Map<string, string>
}

function Whom({ event, names }: Named) {
  const { memberId, adminId } = event
  if (memberId) {
    return (
      <Link href={`/members/${memberId}`}>
        <code title={memberId}>{`${memberId.slice(0, 8)}…${memberId.slice(-6)}`}</code>
      </Link>
    )
  }
  return adminId ? <Admin id={adminId} names={names} /> : null
}

function Who({ event, names }: Named) {
  const texts = useTexts().record
  if (event.by) return <Admin id={event.by} names={names} />
  return event.memberId && event.sessionId ? <span class="quiet">{texts.self}</span> : null
}

function Admin({ id, names }: { id: string; names: Map<string, string> }) {
  const texts = useTexts().record
  const { me } = useSession()
  const name = names.get(id)
  if (!name) return <small class="id">{id}</small>
  return (
    <>
      {name}
      {id === me.adminId && <span class="quiet"> ({texts.you})</span>}
    </>
  )
}
