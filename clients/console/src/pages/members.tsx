// Page that lists the newest members, or the results of a search.

import { useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import type { MemberRow, MembersData } from '../api'
import { call } from '../api_client'
import { Avatar } from '../components/avatar'
import { Badge } from '../components/badge'
import { LoadMore } from '../components/load_more'
import { Loading } from '../components/loading'
import { Nickname } from '../components/nickname'
import { Table } from '../components/table'
import { Time } from '../components/time'
import { useTexts } from '../language'
import { PAGE_SIZE, usePaginatedFetch } from '../use_fetch'

/**
 * Last search term, kept for the way back to the list. It can be personal data, so it is never part of a URL.
 */
let lastQuery = ''

export function Members() {
  const texts = useTexts().members
  const [input, setInput] = useState(lastQuery)
  const [query, setQuery] = useState(lastQuery)
  const members = usePaginatedFetch<MemberRow>(
    async (last) => {
      const body = { query: query || undefined, before: last?.profile.memberId, limit: PAGE_SIZE }
      return (await call<MembersData>('POST', 'search', body)).members
    },
    [query],
  )
  const search = (text: string) => {
    lastQuery = text.trim()
    setInput(lastQuery)
    if (lastQuery === query) void members.reload()
    setQuery(lastQuery)
  }
  const count = members.data?.length ?? 0
  return (
    <>
      <h1>{texts.title}</h1>
      <form
        role="search"
        class="search"
        onSubmit={(event) => {
          event.preventDefault()
          search(input)
        }}
      >
        <input
          type="search"
          name="query"
          aria-label={texts.searchLabel}
          placeholder={texts.placeholder}
          value={input}
          maxLength={128}
          spellcheck={false}
          onInput={(event) => setInput(event.currentTarget.value)}
        />
        <button type="submit">{texts.search}</button>
        {query && (
          <button type="button" class="secondary" onClick={() => search('')}>
            {texts.showAll}
          </button>
        )}
      </form>
      {!members.data ? (
        <Loading of={members} />
      ) : count === 0 ? (
        <p class="empty">{query ? texts.notFound : texts.empty}</p>
      ) : (
        <>
          <p class="muted" role="status">
            {!query ? texts.newestFirst : members.hasMore ? texts.foundMore(count) : texts.found(count)}
          </p>
          <Table label={texts.title} head={[texts.nickname, texts.phone, texts.status, texts.firstLogin]}>
            {members.data.map((member) => (
              <MemberTableRow key={member.profile.memberId} member={member} />
            ))}
          </Table>
          <LoadMore pages={members} />
        </>
      )}
    </>
  )
}

function MemberTableRow({ member }: { member: MemberRow }) {
  const texts = useTexts().members
  const { profile } = member
  return (
    <tr>
      <th scope="row">
        <Link href={`/members/${profile.memberId}`} class="member-link">
          <Avatar profile={profile} />
          <Nickname of={profile.nickName} />
        </Link>
      </th>
      <td>{profile.phone ?? <span class="muted">{texts.noPhone}</span>}</td>
      <td>
        <MemberStatusBadge member={member} />
      </td>
      <td>
        <Time at={profile.createdAt} />
      </td>
    </tr>
  )
}

export function MemberStatusBadge({ member }: { member: MemberRow }) {
  const texts = useTexts().members
  const banned = member.status === 'banned'
  return <Badge tone={banned ? 'danger' : 'success'}>{banned ? texts.banned : texts.active}</Badge>
}
