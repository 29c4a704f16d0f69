// Hourly statistics of the calls to WeChat: errors and latency.

import { useContext } from 'preact/hooks'
import type { CallStatistics } from '../../api'
import { Chart } from '../../components/chart'
import type { Series } from '../../components/chart/props'
import { Table } from '../../components/table'
import { labelOf, LanguageContext, languages, useFormats, useTexts } from '../../language'
import { countCalls, sum, type HourlyCalls } from './counts'

const HOUR_MS = 3_600_000

/** Path of the call that every login makes. Its latency is shown. */
const LOGIN_PATH = '/sns/jscode2session'

export function WechatStatistics({ calls }: { calls: CallStatistics }) {
  const { overview: texts } = useTexts()
  const formats = useFormats()
  const { tag } = languages[useContext(LanguageContext)]
  const clock = new Intl.DateTimeFormat(tag, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const currentHour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS
  const starts = Array.from({ length: 24 }, (_, index) => currentHour - (23 - index) * HOUR_MS)
  const axis = { axis: texts.hour, labels: starts.map((start) => clock.format(start)) }
  const callsByHour = starts.map((start) => calls.hours.filter(({ hour }) => Date.parse(hour) === start))
  return (
    <section class="stack" aria-labelledby="wechat">
      <div>
        <h2 id="wechat" class="section-title">
          {texts.wechatCalls}
        </h2>
        <p class="muted">{texts.wechatSource(formats.time(calls.since))}</p>
      </div>
      {calls.hours.length === 0 ? (
        <p class="empty">{texts.noCalls}</p>
      ) : (
        <>
          <div class="columns">
            <ErrorChart axis={axis} callsByHour={callsByHour} />
            <LatencyChart axis={axis} callsByHour={callsByHour} />
          </div>
          <CallTable calls={calls} />
        </>
      )}
    </section>
  )
}

interface HourlyChartProps {
  axis: { axis: string; labels: string[] }
  /** Calls of each hour on the axis. */
  callsByHour: HourlyCalls[][]
}

function ErrorChart({ axis, callsByHour }: HourlyChartProps) {
  const texts = useTexts()
  const outcomes = callsByHour.flat().flatMap((calls) => calls.outcomes)
  const classes = [...new Set(outcomes.map((it) => it.class))].filter((it) => it !== 'ok').sort()
  const count = (hour: HourlyCalls[], name: string) =>
    sum(hour.flatMap((calls) => calls.outcomes.filter((it) => it.class === name).map((it) => it.count)))
  const series: Series[] = classes.map((name, index) => ({
    label: labelOf(texts.classes, name),
    color: `chart-${(index % 6) + 1}`,
    values: callsByHour.map((hour) => count(hour, name)),
  }))
  const empty = [{ label: texts.overview.failed, color: 'danger', values: callsByHour.map(() => 0) }]
  return (
    <Chart
      {...axis}
      kind="bars"
      title={texts.overview.errorsByClass}
      note={classes.length === 0 ? texts.overview.noErrors : undefined}
      series={series.length > 0 ? series : empty}
    />
  )
}

function LatencyChart({ axis, callsByHour }: HourlyChartProps) {
  const { overview: texts } = useTexts()
  const latencyOf = (hour: HourlyCalls[], percentile: 'medianMs' | 'p95Ms') =>
    hour.find((calls) => calls.path === LOGIN_PATH)?.[percentile] ?? null
  return (
    <Chart
      {...axis}
      kind="lines"
      unit=" ms"
      title={`${texts.latency}: ${LOGIN_PATH}`}
      series={[
        { label: texts.p95, color: 'chart-4', values: callsByHour.map((hour) => latencyOf(hour, 'p95Ms')) },
        {
          label: texts.median,
          color: 'chart-1',
          values: callsByHour.map((hour) => latencyOf(hour, 'medianMs')),
        },
      ]}
    />
  )
}

/** Number of calls and failures of the whole day, one row per path. */
function CallTable({ calls }: { calls: CallStatistics }) {
  const { overview: texts } = useTexts()
  const { number, percent } = useFormats()
  const paths = [...new Set(calls.hours.map((hour) => hour.path))].sort()
  return (
    <Table label={texts.calls} head={[texts.path, texts.calls, texts.failed]}>
      {paths.map((path) => {
        const { total, failed } = countCalls(calls.hours.filter((hour) => hour.path === path))
        return (
          <tr key={path}>
            <th scope="row">
              <code>{path}</code>
            </th>
            <td>{number(total)}</td>
            <td>
              {number(failed)} <span class="muted">({percent(total ? failed / total : 0)})</span>
            </td>
          </tr>
        )
      })}
    </Table>
  )
}
