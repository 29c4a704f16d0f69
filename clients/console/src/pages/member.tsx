// Page of one member: profile, identities, sessions and history.

import { Link } from 'wouter-preact'
import type { MemberDetails } from '../api'
import { ApiError, call, path } from '../api_client'
import { Avatar } from '../components/avatar'
import { ErrorMessage } from '../components/error_message'
import { Loading } from '../components/loading'
import { Nickname } from '../components/nickname'
import { Table } from '../components/table'
import { Time } from '../components/time'
import { useTexts } from '../language'
import { useFetch } from '../use_fetch'
import { Events } from './audit_log/events'
import { Actions } from './member/actions'
import { Phone } from './member/phone'
import type { MemberProps } from './member/props'
import { Sessions } from './member/sessions'
import { MemberStatusBadge } from './members'

export function MemberPage({ id }: { id: string }) {
  const texts = useTexts().member
  const member = useFetch(() => call<MemberDetails>('GET', path`members/${id}`), [id])
  const notFound = member.error instanceof ApiError && [400, 404].includes(member.error.status)
  return (
    <>
      <Link href="/members" class="back">
        ← {texts.back}
      </Link>
      {notFound ? (
        <>
          <h1>{texts.title}</h1>
          <ErrorMessage error={member.error} message={texts.notFound} />
        </>
      ) : !member.data ? (
        <Loading of={member} />
      ) : (
        <MemberDetails details={member.data} reload={member.reload} />
      )}
    </>
  )
}

function MemberDetails({ details, reload }: MemberProps) {
  const texts = useTexts()
  const { member, identities } = details
  const { profile } = member
  return (
    <>
      <div class="page-header">
        <Avatar profile={profile} large />
        <div>
          <h1>
            <Nickname of={profile.nickName} /> <MemberStatusBadge member={member} />
          </h1>
          <p class="muted">
            {texts.member.id} <code>{profile.memberId}</code>
          </p>
        </div>
        <Actions details={details} reload={reload} />
      </div>
      {member.statusReason && (
        <p class={member.status === 'banned' ? 'callout danger' : 'callout'}>
          <strong>{texts.member.reason}</strong> <bdi>{member.statusReason}</bdi>
        </p>
      )}
      <div class="columns">
        <section class="card">
          <h2>{texts.member.profile}</h2>
          <dl>
            <dt>{texts.members.phone}</dt>
            <dd>
              <Phone profile={profile} />
            </dd>
            <dt>{texts.member.gender}</dt>
            <dd>{texts.member.genders[profile.gender] ?? profile.gender}</dd>
            <dt>{texts.member.firstLogin}</dt>
            <dd>
              <Time at={profile.createdAt} />
            </dd>
            <dt>{texts.member.updated}</dt>
            <dd>
              <Time at={profile.updatedAt} />
            </dd>
            {member.remark && (
              <>
                <dt>{texts.member.remark}</dt>
                <dd>
                  <bdi>{member.remark}</bdi>
                </dd>
              </>
            )}
          </dl>
        </section>
        <section class="card">
          <h2>{texts.member.identities}</h2>
          <Table label={texts.member.identities} head={[texts.member.kind, texts.member.value]}>
            {identities.map(({ namespace, kind, value }) => (
              <tr key={`${namespace} ${kind} ${value}`}>
                <td>
                  {kind}
                  <small class="detail">{namespace}</small>
                </td>
                <td>
                  <code>{value}</code>
                </td>
              </tr>
            ))}
          </Table>
        </section>
      </div>
      <Sessions details={details} reload={reload} />
      <section class="card">
        <h2>{texts.member.history}</h2>
        {/* The history is fetched again with the member, since every action adds an event. */}
        <Events filter={{ member: profile.memberId }} reloadKey={details} withoutTarget />
      </section>
    </>
  )
}
