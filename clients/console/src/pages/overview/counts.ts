// Sums over the statistics of the start page.

import type { CallStatistics, StatisticsData } from '../../api'

const DAY_MS = 86_400_000

/** Days of the statistics: the start of each day, and its date in the server's time zone as a UTC date. */
export function daysOf({ from, to }: StatisticsData): { starts: number[]; dates: Date[] } {
  const start = Date.parse(from)
  const end = Date.parse(to)
  const starts = Array.from(
    { length: Math.round((end - start) / DAY_MS) },
    (_, index) => start + index * DAY_MS,
  )
  // Days begin at midnight in the server's time zone. The UTC time of that midnight yields the zone's offset.
  const sinceUtcMidnight = start % DAY_MS
  const offset = sinceUtcMidnight > DAY_MS / 2 - 1 ? DAY_MS - sinceUtcMidnight : -sinceUtcMidnight
  return { starts, dates: starts.map((time) => new Date(time + offset)) }
}

/** Number of events of a kind on each day. With `detail`, only events with that detail are counted. */
export function countsOf(statistics: StatisticsData, kind: string, detail?: string | null): number[] {
  const { starts } = daysOf(statistics)
  const counts = starts.map(() => 0)
  for (const count of statistics.counts) {
    const index = starts.indexOf(Date.parse(count.day))
    const matches = count.kind === kind && (detail === undefined || count.detail === detail)
    if (matches && index >= 0) counts[index]! += count.count
  }
  return counts
}

/** Details of the events of a kind, most frequent first. */
export function detailsOf(statistics: StatisticsData, kind: string): (string | null)[] {
  const sums = new Map<string | null, number>()
  for (const count of statistics.counts.filter((it) => it.kind === kind)) {
    sums.set(count.detail, (sums.get(count.detail) ?? 0) + count.count)
  }
  return [...sums].sort((a, b) => b[1] - a[1]).map(([detail]) => detail)
}

export const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0)

export type HourlyCalls = CallStatistics['hours'][number]

/** Number of calls to WeChat, and how many of them failed. */
export function countCalls(hours: HourlyCalls[]): { total: number; failed: number } {
  const outcomes = hours.flatMap((hour) => hour.outcomes)
  const failures = outcomes.filter((outcome) => outcome.class !== 'ok')
  return {
    total: sum(outcomes.map(({ count }) => count)),
    failed: sum(failures.map(({ count }) => count)),
  }
}
