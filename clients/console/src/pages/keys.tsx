// Page that lists the signing keys of access tokens.

import type { SigningKeyList } from '../api'
import { call } from '../api_client'
import { Badge } from '../components/badge'
import { Loading } from '../components/loading'
import { Table } from '../components/table'
import { Time } from '../components/time'
import { labelOf, useTexts } from '../language'
import { useFetch } from '../use_fetch'

const tones = { current: 'success', next: 'info', previous: 'warning' } as const

export function Keys() {
  const texts = useTexts().keys
  const keys = useFetch(() => call<SigningKeyList>('GET', 'keys'))
  return (
    <>
      <h1>{texts.title}</h1>
      <p class="muted">{texts.description}</p>
      {!keys.data ? (
        <Loading of={keys} />
      ) : keys.data.keys.length === 0 ? (
        <p class="empty">{texts.empty}</p>
      ) : (
        <Table
          label={texts.title}
          head={[texts.state, texts.kid, texts.published, texts.activeFrom, texts.ends]}
        >
          {keys.data.keys.map((key) => (
            <tr key={key.number}>
              <td>
                <Badge tone={tones[key.state as keyof typeof tones] ?? 'info'}>
                  {labelOf(texts.states, key.state)}
                </Badge>
              </td>
              <td>
                <code>{key.kid}</code>
              </td>
              <td>
                <Time at={key.createdAt} />
              </td>
              <td>
                <Time at={key.activeFrom} />
              </td>
              <td>
                <Time at={key.endsAt} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </>
  )
}
