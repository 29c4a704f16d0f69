// Calls to WeChat, hour by hour: which failed, and how long they took.

import type { CallsData } from '../../api'
import { useContext } from 'preact/hooks'
import { InLanguage, languages, useFormats, useTexts, worded } from '../../language'
import { Plot, type Series } from '../../parts/plot'
import { Table } from '../../parts/small'
import { sum, tally, type Hour } from './counts'

const HOUR = 3_600_000

/** The call that every login makes. */
const LOGIN = '/sns/jscode2session'

export function Wechat({ calls }: { calls: CallsData }) {
  const { overview: texts } = useTexts()
  const formats = useFormats()
  const { tag } = languages[useContext(InLanguage)]
  const clock = new Intl.DateTimeFormat(tag, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const now = Math.floor(Date.now() / HOUR) * HOUR
  const began = Array.from({ length: 24 }, (_, nth) => now - (23 - nth) * HOUR)
  const hours = { step: texts.hour, labels: began.map((hour) => clock.format(hour)) }
  const at = (hour: number) => calls.hours.filter((one) => Date.parse(one.hour) === hour)
  return (
    <section class="stack" aria-labelledby="wechat">
      <div>
        <h2 id="wechat" class="part">
          {texts.wechat}
        </h2>
        <p class="quiet">{texts.since(formats.time(calls.since))}</p>
      </div>
      {calls.hours.length === 0 ? (
        <p class="empty">{texts.noCalls}</p>
      ) : (
        <>
          <div class="halves">
            <Errors hours={hours} parts={began.map(at)} />
            <Latency hours={hours} parts={began.map(at)} />
          </div>
          <ByCall calls={calls} />
        </>
      )}
    </section>
  )
}

interface PartProps {
  hours: { step: string; labels: string[] }
  /** What there was in each of the hours. */
  parts: Hour[][]
}

function Errors({ hours, parts }: PartProps) {
  const texts = useTexts()
  const outcomes = parts.flat().flatMap((hour) => hour.outcomes)
  const classes = [...new Set(outcomes.map((it) => it.class))].filter((it) => it !== 'ok').sort()
  const counted = (part: Hour[], name: string) =>
    sum(part.flatMap((it) => it.outcomes.filter((end) => end.class === name).map(({ count }) => count)))
  const series: Series[] = classes.map((name, nth) => ({
    label: worded(texts.classes, name),
    tone: `tone-${(nth % 6) + 1}`,
    values: parts.map((part) => counted(part, name)),
  }))
  const none = [{ label: texts.overview.errorsShort, tone: 'bad', values: parts.map(() => 0) }]
  return (
    <Plot
      {...hours}
      kind="bars"
      title={texts.overview.errors}
      note={classes.length === 0 ? texts.overview.noErrors : undefined}
      series={series.length > 0 ? series : none}
    />
  )
}

function Latency({ hours, parts }: PartProps) {
  const { overview: texts } = useTexts()
  const of = (part: Hour[], what: 'medianMs' | 'p95Ms') =>
    part.find((it) => it.path === LOGIN)?.[what] ?? null
  return (
    <Plot
      {...hours}
      kind="lines"
      unit=" ms"
      title={`${texts.latency}: ${LOGIN}`}
      series={[
        { label: texts.p95, tone: 'tone-4', values: parts.map((part) => of(part, 'p95Ms')) },
        { label: texts.median, tone: 'tone-1', values: parts.map((part) => of(part, 'medianMs')) },
      ]}
    />
  )
}

/** Each call of the whole day in a line. */
function ByCall({ calls }: { calls: CallsData }) {
  const { overview: texts } = useTexts()
  const { number, share } = useFormats()
  const paths = [...new Set(calls.hours.map((hour) => hour.path))].sort()
  return (
    <Table label={texts.calls} head={[texts.call, texts.calls, texts.errorsShort]}>
      {paths.map((name) => {
        const { all, failed } = tally(calls.hours.filter((hour) => hour.path === name))
        return (
          <tr key={name}>
            <th scope="row">
              <code>{name}</code>
            </th>
            <td>{number(all)}</td>
            <td>
              {number(failed)} <span class="quiet">({share(all ? failed / all : 0)})</span>
            </td>
          </tr>
        )
      })}
    </Table>
  )
}
