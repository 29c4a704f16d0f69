// Start page: statistics of logins, members and calls to WeChat.

import { useState } from 'preact/hooks'
import type { CallStatistics, StatisticsData } from '../api'
import { call } from '../api_client'
import { Loading } from '../components/loading'
import { useTexts } from '../language'
import { useFetch } from '../use_fetch'
import { DailyStatistics } from './overview/days'
import { WechatStatistics } from './overview/wechat'

/** Selectable numbers of days. */
const dayRanges = [7, 30, 90]

export function Overview() {
  const { overview: texts } = useTexts()
  const [days, setDays] = useState(30)
  const statistics = useFetch(() => call<StatisticsData>('GET', `statistics?days=${days}`), [days])
  const calls = useFetch(() => call<CallStatistics>('GET', 'wechat'))
  return (
    <>
      <div class="row">
        <h1>{texts.title}</h1>
        <label class="inline">
          <span class="visually-hidden">{texts.dayRange}</span>
          <select value={days} onChange={(event) => setDays(Number(event.currentTarget.value))}>
            {dayRanges.map((range) => (
              <option key={range} value={range}>
                {texts.lastDays(range)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {statistics.data ? (
        <DailyStatistics statistics={statistics.data} calls={calls.data} />
      ) : (
        <Loading of={statistics} />
      )}
      {calls.data ? <WechatStatistics calls={calls.data} /> : <Loading of={calls} />}
    </>
  )
}
