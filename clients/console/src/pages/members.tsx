// Members: the newest, or those who are searched for.

import { useState } from 'preact/hooks'
import { Link } from 'wouter-preact'
import type { MemberRow, MembersData } from '../api'
import { PAGE, usePages } from '../data'
import { useTexts } from '../language'
import { Avatar } from '../parts/avatar'
import { Waiting } from '../parts/failure'
import { Nickname } from '../parts/nickname'
import { Badge, Older, Table, Time } from '../parts/small'
import { call } from '../server'

/** What was searched for last: kept for the way back, and never part of an address. */
let lastQuery = ''

export function Members() {
  const texts = useTexts().members
  const [typed, setTyped] = useState(lastQuery)
  const [query, setQuery] = useState(lastQuery)
  const members = usePages<MemberRow>(
    async (last) => {
      const body = { query: query || undefined, before: last?.profile.memberId, limit: PAGE }
      return (await call<MembersData>('POST', 'search', body)).members
    },
    [query],
  )
  const search = (text: string) => {
    lastQuery = text.trim()
    setTyped(lastQuery)
    if (lastQuery === query) void members.again()
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
          search(typed)
        }}
      >
        <input
          type="search"
          name="query"
          aria-label={texts.search}
          placeholder={texts.placeholder}
          value={typed}
          maxLength={128}
          spellcheck={false}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <button type="submit">{texts.act}</button>
        {query && (
          <button type="button" class="secondary" onClick={() => search('')}>
            {texts.all}
          </button>
        )}
      </form>
      {!members.data ? (
        <Waiting of={members} />
      ) : count === 0 ? (
        <p class="empty">{query ? texts.nobody : texts.nobodyYet}</p>
      ) : (
        <>
          <p class="quiet" role="status">
            {!query ? texts.newest : members.more ? texts.foundMore(count) : texts.found(count)}
          </p>
          <Table label={texts.title} head={[texts.nickname, texts.phone, texts.status, texts.joined]}>
            {members.data.map((member) => (
              <Row key={member.profile.memberId} member={member} />
            ))}
          </Table>
          <Older pages={members} />
        </>
      )}
    </>
  )
}

function Row({ member }: { member: MemberRow }) {
  const texts = useTexts().members
  const { profile } = member
  return (
    <tr>
      <th scope="row">
        <Link href={`/members/${profile.memberId}`} class="person">
          <Avatar profile={profile} />
          <Nickname of={profile.nickName} />
        </Link>
      </th>
      <td>{profile.phone ?? <span class="quiet">{texts.noPhone}</span>}</td>
      <td>
        <Status of={member} />
      </td>
      <td>
        <Time at={profile.createdAt} />
      </td>
    </tr>
  )
}

export function Status({ of }: { of: MemberRow }) {
  const texts = useTexts().members
  const banned = of.status === 'banned'
  return <Badge tone={banned ? 'bad' : 'good'}>{banned ? texts.banned : texts.active}</Badge>
}
