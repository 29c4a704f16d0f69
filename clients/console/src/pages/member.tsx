// One member's sheet: who they are, under what they are known, where they are logged in, what happened.

import { Link } from 'wouter-preact'
import type { MemberSheet } from '../api'
import { useFetched } from '../data'
import { useTexts } from '../language'
import { Avatar } from '../parts/avatar'
import { FailureNote, Waiting } from '../parts/failure'
import { Nickname } from '../parts/nickname'
import { Table, Time } from '../parts/small'
import { call, path, Refusal } from '../server'
import { Actions } from './member/actions'
import { Phone } from './member/phone'
import { Sessions } from './member/sessions'
import { Status } from './members'
import { Events } from './record/events'

export function MemberPage({ id }: { id: string }) {
  const texts = useTexts().member
  const sheet = useFetched(() => call<MemberSheet>('GET', path`members/${id}`), [id])
  const gone = sheet.failure instanceof Refusal && [400, 404].includes(sheet.failure.status)
  return (
    <>
      <Link href="/members" class="back">
        ← {texts.back}
      </Link>
      {gone ? (
        <>
          <h1>{texts.title}</h1>
          <FailureNote failure={sheet.failure} said={texts.gone} />
        </>
      ) : !sheet.data ? (
        <Waiting of={sheet} />
      ) : (
        <Sheet sheet={sheet.data} again={sheet.again} />
      )}
    </>
  )
}

export interface SheetProps {
  sheet: MemberSheet
  again: () => Promise<void>
}

function Sheet({ sheet, again }: SheetProps) {
  const texts = useTexts()
  const { member, identities } = sheet
  const { profile } = member
  return (
    <>
      <div class="heading">
        <Avatar profile={profile} large />
        <div>
          <h1>
            <Nickname of={profile.nickName} /> <Status of={member} />
          </h1>
          <p class="quiet">
            {texts.member.id} <code>{profile.memberId}</code>
          </p>
        </div>
        <Actions sheet={sheet} again={again} />
      </div>
      {member.statusReason && (
        <p class={member.status === 'banned' ? 'remark bad' : 'remark'}>
          <strong>{texts.member.reason}</strong> <bdi>{member.statusReason}</bdi>
        </p>
      )}
      <div class="halves">
        <section class="card">
          <h2>{texts.member.profile}</h2>
          <dl>
            <dt>{texts.members.phone}</dt>
            <dd>
              <Phone profile={profile} />
            </dd>
            <dt>{texts.member.gender}</dt>
            <dd>{texts.member.genders[profile.gender] ?? profile.gender}</dd>
            <dt>{texts.member.joined}</dt>
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
      <Sessions sheet={sheet} again={again} />
      <section class="card">
        <h2>{texts.member.history}</h2>
        {/* Anew with the sheet: what was done to the member is part of both. */}
        <Events filter={{ member: profile.memberId }} about={sheet} withoutMember />
      </section>
    </>
  )
}
