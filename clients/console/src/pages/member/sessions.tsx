// Where a member is logged in, and the end of that.

import { useState } from 'preact/hooks'
import type { DeviceData } from '../../api'
import { useFormats, useTexts } from '../../language'
import { Ask } from '../../parts/ask'
import { Table, Time } from '../../parts/small'
import { call, path } from '../../server'
import { useSession } from '../../session'
import type { SheetProps } from '../member'

export function Sessions({ sheet, again }: SheetProps) {
  const { member: texts } = useTexts()
  const formats = useFormats()
  const { may, say } = useSession()
  const [ending, setEnding] = useState<DeviceData | 'all'>()
  const id = sheet.member.profile.memberId
  const end = async () => {
    if (ending === 'all') await call('DELETE', path`members/${id}/sessions`)
    else if (ending) await call('DELETE', path`members/${id}/sessions/${ending.id}`)
    say(ending === 'all' ? texts.endedAll : texts.ended)
    void again()
  }
  const name = (session: DeviceData) => texts.endOneOf(session.app, formats.time(session.createdAt))
  const head = [texts.app, texts.since, texts.refreshed, texts.expires]
  const acts = may('operator')
  return (
    <section class="card">
      <div class="row">
        <h2>{texts.sessions}</h2>
        {acts && sheet.sessions.length > 1 && (
          <button type="button" class="secondary small" onClick={() => setEnding('all')}>
            {texts.endAll}
          </button>
        )}
      </div>
      {sheet.sessions.length === 0 ? (
        <p class="quiet">{texts.noSessions}</p>
      ) : (
        <Table label={texts.sessions} head={acts ? [...head, texts.actions] : head}>
          {sheet.sessions.map((session) => (
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
              {acts && (
                <td>
                  <button type="button" class="plain" onClick={() => setEnding(session)}>
                    {texts.endOne}
                    <span class="hidden">
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
        <Ask
          title={ending === 'all' ? texts.endAll : name(ending)}
          verb={ending === 'all' ? texts.endAll : texts.endOne}
          act={end}
          close={() => setEnding(undefined)}
        >
          <p>{texts.endAllAbout}</p>
        </Ask>
      )}
    </section>
  )
}
