// What the answers of the front page add up to.

import type { CallsData, StatisticsData } from '../../api'

const DAY = 86_400_000

/** The days of an answer: when each began, and its date where the operator is. */
export function daysOf({ from, to }: StatisticsData): { began: number[]; dates: Date[] } {
  const [first, end] = [Date.parse(from), Date.parse(to)]
  const began = Array.from({ length: Math.round((end - first) / DAY) }, (_, nth) => first + nth * DAY)
  // A day begins at midnight there: the part of a day since midnight in Greenwich says how far that is.
  const since = first % DAY
  const offset = since > DAY / 2 - 1 ? DAY - since : -since
  return { began, dates: began.map((time) => new Date(time + offset)) }
}

/** How often something of this kind happened on each of the days. */
export function countsOf(statistics: StatisticsData, kind: string, detail?: string | null): number[] {
  const { began } = daysOf(statistics)
  const counts = began.map(() => 0)
  for (const count of statistics.counts) {
    const at = began.indexOf(Date.parse(count.day))
    const meant = count.kind === kind && (detail === undefined || count.detail === detail)
    if (meant && at >= 0) counts[at]! += count.count
  }
  return counts
}

/** What of this kind happened, the most frequent first. */
export function detailsOf(statistics: StatisticsData, kind: string): (string | null)[] {
  const sums = new Map<string | null, number>()
  for (const count of statistics.counts.filter((it) => it.kind === kind)) {
    sums.set(count.detail, (sums.get(count.detail) ?? 0) + count.count)
  }
  return [...sums].sort((a, b) => b[1] - a[1]).map(([detail]) => detail)
}

export const sum = (counts: number[]) => counts.reduce((all, one) => all + one, 0)

export type Hour = CallsData['hours'][number]

/** How many calls there were, and how many of them did not end well. */
export function tally(hours: Hour[]): { all: number; failed: number } {
  const counted = (of: (outcome: Hour['outcomes'][number]) => boolean) =>
    sum(hours.flatMap((hour) => hour.outcomes.filter(of).map(({ count }) => count)))
  return { all: counted(() => true), failed: counted(({ class: end }) => end !== 'ok') }
}
