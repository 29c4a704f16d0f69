// Table of audit events.

import { Link } from 'wouter-preact'
import type { AdminsData, AuditEventData, AuditEventList } from '../../api'
import { call } from '../../api_client'
import { LoadMore } from '../../components/load_more'
import { Loading } from '../../components/loading'
import { Table } from '../../components/table'
import { Time } from '../../components/time'
import { labelOf, useTexts } from '../../language'
import { useSession } from '../../session'
import { PAGE_SIZE, useFetch, usePaginatedFetch } from '../../use_fetch'

/** Filter of events. Absent properties match every event. */
export interface EventFilter {
  kind?: string
  /** Member id. */
  member?: string
  /** Id of the acting administrator. */
  by?: string
}

/** Names of administrators by id. Roles other than `admin` know only their own name. */
export function useAdminNames(): Map<string, string> {
  const { me, can } = useSession()
  const admins = useFetch(async () => (can('admin') ? (await call<AdminsData>('GET', 'admins')).admins : []))
  return new Map([
    [me.adminId, me.name],
    ...(admins.data ?? []).map((admin) => [admin.adminId, admin.name] as const),
  ])
}

interface EventsProps {
  filter: EventFilter
  /** The events are fetched again whenever this value changes. */
  reloadKey?: unknown
  /** Hides the column of the affected member or administrator. */
  withoutTarget?: boolean
}

export function Events({ filter, reloadKey, withoutTarget = false }: EventsProps) {
  const texts = useTexts().audit
  const adminNames = useAdminNames()
  const { kind, member, by } = filter
  const events = usePaginatedFetch<AuditEventData>(
    async (last) => {
      const parameters = { kind, member, by, before: last?.id, limit: String(PAGE_SIZE) }
      const present = Object.entries(parameters).filter((pair): pair is [string, string] => Boolean(pair[1]))
      return (await call<AuditEventList>('GET', `audit?${new URLSearchParams(present)}`)).events
    },
    [kind, member, by, reloadKey],
  )
  if (!events.data) return <Loading of={events} />
  if (events.data.length === 0) return <p class="empty">{texts.empty}</p>
  const head = [texts.time, texts.event, texts.target, texts.actor, texts.appAndRequest]
  return (
    <>
      <Table
        label={withoutTarget ? texts.event : texts.title}
        head={withoutTarget ? head.filter((column) => column !== texts.target) : head}
      >
        {events.data.map((event) => (
          <tr key={event.id}>
            <td>
              <Time at={event.at} />
            </td>
            <td>
              <Kind event={event} />
            </td>
            {!withoutTarget && (
              <td>
                <Target event={event} adminNames={adminNames} />
              </td>
            )}
            <td>
              <Actor event={event} adminNames={adminNames} />
            </td>
            <td>
              {event.app}
              <small class="id">{event.requestId}</small>
            </td>
          </tr>
        ))}
      </Table>
      <LoadMore pages={events} />
    </>
  )
}

/** Kinds of events that can indicate an attack. They are highlighted. */
const alarmingKinds = [
  'login_refused',
  'refresh_token_reused',
  'login_code_reused',
  'union_id_changed',
  'admin_refused',
]

function Kind({ event }: { event: AuditEventData }) {
  const texts = useTexts()
  const { kind, detail, otherMemberId } = event
  return (
    <>
      <span class={alarmingKinds.includes(kind) ? 'event alarming' : 'event'}>
        {labelOf(texts.kinds, kind)}
      </span>
      {detail && <small class="detail">{labelOf(texts.details, detail)}</small>}
      {otherMemberId && (
        <small class="detail">
          {texts.audit.mergedFrom} <code>{otherMemberId}</code>
        </small>
      )}
    </>
  )
}

interface EventProps {
  event: AuditEventData
  adminNames: Map<string, string>
}

function Target({ event, adminNames }: EventProps) {
  const { memberId, adminId } = event
  if (memberId) {
    return (
      <Link href={`/members/${memberId}`}>
        <code title={memberId}>{`${memberId.slice(0, 8)}…${memberId.slice(-6)}`}</code>
      </Link>
    )
  }
  return adminId ? <AdminName id={adminId} adminNames={adminNames} /> : null
}

function Actor({ event, adminNames }: EventProps) {
  const texts = useTexts().audit
  if (event.by) return <AdminName id={event.by} adminNames={adminNames} />
  return event.memberId && event.sessionId ? <span class="muted">{texts.member}</span> : null
}

function AdminName({ id, adminNames }: { id: string; adminNames: Map<string, string> }) {
  const texts = useTexts().audit
  const { me } = useSession()
  const name = adminNames.get(id)
  if (!name) return <small class="id">{id}</small>
  return (
    <>
      {name}
      {id === me.adminId && <span class="muted"> ({texts.you})</span>}
    </>
  )
}
