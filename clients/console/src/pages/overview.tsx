// The front page: how logins, members and WeChat have been.

import { useState } from 'preact/hooks'
import type { CallsData, StatisticsData } from '../api'
import { useFetched } from '../data'
import { useTexts } from '../language'
import { Waiting } from '../parts/failure'
import { call } from '../server'
import { Days } from './overview/days'
import { Wechat } from './overview/wechat'

const spans = [7, 30, 90]

export function Overview() {
  const { overview: texts } = useTexts()
  const [days, setDays] = useState(30)
  const statistics = useFetched(() => call<StatisticsData>('GET', `statistics?days=${days}`), [days])
  const calls = useFetched(() => call<CallsData>('GET', 'wechat'))
  return (
    <>
      <div class="row">
        <h1>{texts.title}</h1>
        <label class="inline">
          <span class="hidden">{texts.days}</span>
          <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
            {spans.map((span) => (
              <option key={span} value={span}>
                {texts.lastDays(span)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {statistics.data ? (
        <Days statistics={statistics.data} calls={calls.data} />
      ) : (
        <Waiting of={statistics} />
      )}
      {calls.data ? <Wechat calls={calls.data} /> : <Waiting of={calls} />}
    </>
  )
}
