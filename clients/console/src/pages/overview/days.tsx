// Daily statistics: logins, new members and refused logins.

import { useContext } from 'preact/hooks'
import type { CallStatistics, StatisticsData } from '../../api'
import { Chart } from '../../components/chart'
import type { Series } from '../../components/chart/props'
import { labelOf, LanguageContext, languages, useFormats, useTexts } from '../../language'
import { countCalls, countsOf, daysOf, detailsOf, sum } from './counts'

/** Number of refusal reasons with a series of their own. The others are summed up in one series. */
const MAX_REASONS = 5

interface DailyStatisticsProps {
  statistics: StatisticsData
  calls?: CallStatistics
}

export function DailyStatistics({ statistics, calls }: DailyStatisticsProps) {
  const { overview: texts } = useTexts()
  const { tag } = languages[useContext(LanguageContext)]
  const date = new Intl.DateTimeFormat(tag, { month: 'numeric', day: 'numeric', timeZone: 'UTC' })
  const labels = daysOf(statistics).dates.map((day) => date.format(day))
  const returning = countsOf(statistics, 'logged_in')
  const registered = countsOf(statistics, 'registered')
  const refused = countsOf(statistics, 'login_refused')
  const outcomes: Series[] = [
    { label: texts.refusedLogins, color: 'danger', values: refused },
    { label: texts.newMembers, color: 'chart-2', values: registered },
    { label: texts.returningMembers, color: 'chart-1', values: returning },
  ]
  const days = { axis: texts.day, labels, kind: 'bars' as const }
  return (
    <>
      <Tiles returning={returning} registered={registered} refused={refused} calls={calls} />
      <Chart {...days} title={texts.loginsByDay} series={outcomes} />
      <div class="columns">
        <Chart
          {...days}
          title={texts.newMembersByDay}
          series={[{ label: texts.newMembers, color: 'chart-2', values: registered }]}
        />
        <RefusalChart statistics={statistics} days={days} />
      </div>
    </>
  )
}

interface RefusalChartProps {
  statistics: StatisticsData
  days: { axis: string; labels: string[]; kind: 'bars' }
}

function RefusalChart({ statistics, days }: RefusalChartProps) {
  const texts = useTexts()
  const reasons = detailsOf(statistics, 'login_refused')
  const valuesOf = (reason: string | null) => countsOf(statistics, 'login_refused', reason)
  const series: Series[] = reasons.slice(0, MAX_REASONS).map((reason, index) => ({
    label: reason === null ? texts.notSet : labelOf(texts.details, reason),
    color: `chart-${index + 1}`,
    values: valuesOf(reason),
  }))
  const others = reasons.slice(MAX_REASONS).map(valuesOf)
  if (others.length > 0) {
    const totals = days.labels.map((_, index) => sum(others.map((counts) => counts[index] ?? 0)))
    series.push({ label: texts.overview.otherReasons, color: 'muted', values: totals })
  }
  const empty = [{ label: texts.overview.refusedLogins, color: 'danger', values: days.labels.map(() => 0) }]
  return (
    <Chart
      {...days}
      title={texts.overview.refusalsByReason}
      series={series.length > 0 ? series.reverse() : empty}
    />
  )
}

interface TilesProps {
  returning: number[]
  registered: number[]
  refused: number[]
  calls?: CallStatistics
}

/** Figures of today, compared with yesterday. */
function Tiles({ returning, registered, refused, calls }: TilesProps) {
  const { overview: texts } = useTexts()
  const { number, percent } = useFormats()
  const on = (counts: number[], daysAgo: number) => counts.at(-1 - daysAgo) ?? 0
  const logins = (daysAgo: number) => on(returning, daysAgo) + on(registered, daysAgo)
  const attempts = logins(0) + on(refused, 0)
  const { total, failed } = countCalls(calls?.hours ?? [])
  const tiles = [
    [texts.loginsToday, number(logins(0)), texts.yesterday(number(logins(1)))],
    [texts.newMembersToday, number(on(registered, 0)), texts.yesterday(number(on(registered, 1)))],
    [
      texts.refusedToday,
      number(on(refused, 0)),
      texts.shareOfAttempts(percent(attempts ? on(refused, 0) / attempts : 0)),
    ],
    [texts.failedCalls, number(failed), texts.ofCalls(number(total))],
  ] as const
  return (
    <section class="tiles" aria-label={texts.today}>
      {tiles.map(([label, value, comparison]) => (
        <div key={label} class="card">
          <h2>{label}</h2>
          <p class="figure">{value}</p>
          <p class="muted">{comparison}</p>
        </div>
      ))}
    </section>
  )
}
