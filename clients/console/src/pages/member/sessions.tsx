// Sessions of a member, with actions to end them.

import { useState } from 'preact/hooks'
import type { MemberSessionData } from '../../api'
import { call, path } from '../../api_client'
import { ConfirmDialog } from '../../components/confirm_dialog'
import { Table } from '../../components/table'
import { Time } from '../../components/time'
import { useFormats, useTexts } from '../../language'
import { useSession } from '../../session'
import type { MemberProps } from './props'

export function Sessions({ details, reload }: MemberProps) {
  const { member: texts } = useTexts()
  const formats = useFormats()
  const { can, notify } = useSession()
  const [ending, setEnding] = useState<MemberSessionData | 'all'>()
  const id = details.member.profile.memberId
  const end = async () => {
    if (ending === 'all') await call('DELETE', path`members/${id}/sessions`)
    else if (ending) await call('DELETE', path`members/${id}/sessions/${ending.id}`)
    notify(ending === 'all' ? texts.endAllDone : texts.endOneDone)
    void reload()
  }
  const titleOf = (session: MemberSessionData) => texts.endOneTitle(session.app, formats.time(session.createdAt))
  const head = [texts.app, texts.loggedIn, texts.refreshed, texts.expires]
  const canEnd = can('operator')
  return (
    <section class="card">
      <div class="row">
        <h2>{texts.sessions}</h2>
        {canEnd && details.sessions.length > 1 && (
          <button type="button" class="secondary small" onClick={() => setEnding('all')}>
            {texts.endAll}
          </button>
        )}
      </div>
      {details.sessions.length === 0 ? (
        <p class="muted">{texts.noSessions}</p>
      ) : (
        <Table label={texts.sessions} head={canEnd ? [...head, texts.actions] : head}>
          {details.sessions.map((session) => (
            <tr key={session.id}>
              <th scope="row">{session.app}</th>
              <td>
                <Time at={session.createdAt} />
              </td>
              <td>
                <Time at={session.refreshedAt} />
              </td>
              <td>
                <Time at={session.expiresAt} />
              </td>
              {canEnd && (
                <td>
                  <button type="button" class="plain" onClick={() => setEnding(session)}>
                    {texts.endOne}
                    <span class="visually-hidden">
                      {' '}
                      {session.app} {formats.time(session.createdAt)}
                    </span>
                  </button>
                </td>
              )}
            </tr>
          ))}
        </Table>
      )}
      {ending && (
        <ConfirmDialog
          title={ending === 'all' ? texts.endAll : titleOf(ending)}
          confirmLabel={ending === 'all' ? texts.endAll : texts.endOne}
          onConfirm={end}
          onClose={() => setEnding(undefined)}
        >
          <p>{ending === 'all' ? texts.endAllDescription : texts.endOneDescription}</p>
        </ConfirmDialog>
      )}
    </section>
  )
}
