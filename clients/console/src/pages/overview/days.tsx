// Logins and new members, day by day.

import type { CallsData, StatisticsData } from '../../api'
import { useContext } from 'preact/hooks'
import { InLanguage, languages, useFormats, useTexts, worded } from '../../language'
import { Plot, type Series } from '../../parts/plot'
import { countsOf, daysOf, detailsOf, sum, tally } from './counts'

/** How many reasons have a colour of their own. */
const REASONS = 5

export function Days({ statistics, calls }: { statistics: StatisticsData; calls?: CallsData }) {
  const texts = useTexts()
  const { overview } = texts
  const { tag } = languages[useContext(InLanguage)]
  const date = new Intl.DateTimeFormat(tag, { month: 'numeric', day: 'numeric', timeZone: 'UTC' })
  const labels = daysOf(statistics).dates.map((day) => date.format(day))
  const of = (kind: string) => countsOf(statistics, kind)
  const [returning, registered, refused] = [of('logged_in'), of('registered'), of('login_refused')]
  const outcomes: Series[] = [
    { label: overview.refused, tone: 'bad', values: refused },
    { label: overview.newMembers, tone: 'tone-2', values: registered },
    { label: overview.returning, tone: 'tone-1', values: returning },
  ]
  const days = { step: overview.day, labels, kind: 'bars' as const }
  return (
    <>
      <Tiles returning={returning} registered={registered} refused={refused} calls={calls} />
      <Plot {...days} title={overview.byDay} series={outcomes} />
      <div class="halves">
        <Plot
          {...days}
          title={overview.newByDay}
          series={[{ label: overview.newMembers, tone: 'tone-2', values: registered }]}
        />
        <Refusals statistics={statistics} days={days} />
      </div>
    </>
  )
}

interface RefusalsProps {
  statistics: StatisticsData
  days: { step: string; labels: string[]; kind: 'bars' }
}

function Refusals({ statistics, days }: RefusalsProps) {
  const texts = useTexts()
  const reasons = detailsOf(statistics, 'login_refused')
  const values = (detail: string | null) => countsOf(statistics, 'login_refused', detail)
  const series: Series[] = reasons.slice(0, REASONS).map((reason, nth) => ({
    label: reason === null ? texts.none : worded(texts.details, reason),
    tone: `tone-${nth + 1}`,
    values: values(reason),
  }))
  const rest = reasons.slice(REASONS).map(values)
  if (rest.length > 0) {
    const together = days.labels.map((_, at) => sum(rest.map((counts) => counts[at] ?? 0)))
    series.push({ label: texts.overview.more, tone: 'quiet', values: together })
  }
  const none = [{ label: texts.overview.refused, tone: 'bad', values: days.labels.map(() => 0) }]
  return (
    <Plot
      {...days}
      title={texts.overview.refusedByDay}
      series={series.length > 0 ? series.reverse() : none}
    />
  )
}

interface TilesProps {
  returning: number[]
  registered: number[]
  refused: number[]
  calls?: CallsData
}

/** What today has been so far, beside yesterday. */
function Tiles({ returning, registered, refused, calls }: TilesProps) {
  const { overview: texts } = useTexts()
  const { number, share } = useFormats()
  const on = (counts: number[], daysAgo: number) => counts.at(-1 - daysAgo) ?? 0
  const logins = (daysAgo: number) => on(returning, daysAgo) + on(registered, daysAgo)
  const tries = logins(0) + on(refused, 0)
  const { all, failed } = tally(calls?.hours ?? [])
  const tiles = [
    [texts.logins, number(logins(0)), texts.yesterday(number(logins(1)))],
    [texts.newToday, number(on(registered, 0)), texts.yesterday(number(on(registered, 1)))],
    [
      texts.refusedToday,
      number(on(refused, 0)),
      texts.shareRefused(share(tries ? on(refused, 0) / tries : 0)),
    ],
    [texts.failed, number(failed), texts.ofCalls(number(all))],
  ] as const
  return (
    <section class="tiles" aria-label={texts.today}>
      {tiles.map(([name, value, beside]) => (
        <div key={name} class="card">
          <h2>{name}</h2>
          <p class="figure">{value}</p>
          <p class="quiet">{beside}</p>
        </div>
      ))}
    </section>
  )
}
