// The keys that sign access tokens.

import type { KeysData } from '../api'
import { useFetched } from '../data'
import { useTexts, worded } from '../language'
import { Waiting } from '../parts/failure'
import { Badge, Table, Time } from '../parts/small'
import { call } from '../server'

const tones = { current: 'good', next: 'cool', previous: 'warm' } as const

export function Keys() {
  const texts = useTexts().keys
  const keys = useFetched(() => call<KeysData>('GET', 'keys'))
  return (
    <>
      <h1>{texts.title}</h1>
      <p class="quiet">{texts.lead}</p>
      {!keys.data ? (
        <Waiting of={keys} />
      ) : keys.data.keys.length === 0 ? (
        <p class="empty">{texts.none}</p>
      ) : (
        <Table label={texts.title} head={[texts.state, texts.kid, texts.published, texts.from, texts.ends]}>
          {keys.data.keys.map((key) => (
            <tr key={key.number}>
              <td>
                <Badge tone={tones[key.state as keyof typeof tones] ?? 'cool'}>
                  {worded(texts.states, key.state)}
                </Badge>
              </td>
              <td>
                <code>{key.kid}</code>
              </td>
              <td>
                <Time at={key.createdAt} />
              </td>
              <td>
                <Time at={key.signsFrom} />
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
