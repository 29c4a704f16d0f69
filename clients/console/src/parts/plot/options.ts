// How uPlot draws: bars one above the other, or lines, in the colours of the style sheet.

import uPlot from 'uplot'
import type { PlotProps } from '../plot'

type Drawn = Pick<PlotProps, 'step' | 'labels' | 'series' | 'kind'> & {
  written: (value: number | null | undefined) => string
}

/** A colour of the style sheet, as it is now. */
function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

/** Each series and those after it: drawn in this order, what is left visible of each is its own. */
function stacked(series: Drawn['series']): (number | null)[][] {
  const sums: (number | null)[][] = []
  for (const { values } of [...series].reverse()) {
    const below = sums[0]
    sums.unshift(values.map((value, at) => (value ?? 0) + (below?.[at] ?? 0)))
  }
  return sums
}

export function options({ step, labels, series, kind, written }: Drawn, width: number) {
  const bars = kind === 'bars'
  const line = colour('line')
  const axis = { stroke: colour('quiet'), font: '12px system-ui, sans-serif' }
  const drawn: uPlot.Options = {
    width,
    height: 220,
    padding: [8, 20, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { show: !bars } },
    scales: {
      x: { time: false, range: () => [-0.6, labels.length - 0.4] },
      y: { range: (_plot, _least, most) => [0, Math.max(most * 1.08, 4)] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        grid: { show: false },
        ticks: { show: false },
        splits: () => steps(labels.length, width),
        values: (_plot, splits) => splits.map((at) => labels[at] ?? ''),
      },
      {
        ...axis,
        size: (_plot, values) => 16 + 7 * Math.max(3, ...(values ?? []).map((value) => value.length)),
        grid: { stroke: line, width: 1 },
        ticks: { show: false },
        values: (_plot, splits) => splits.map((value) => (Number.isInteger(value) ? written(value) : '')),
      },
    ],
    series: [
      { label: step, value: (_plot, at) => labels[at] ?? '' },
      ...series.map(({ label, tone, values }): uPlot.Series => ({
        label,
        stroke: colour(tone),
        width: bars ? 0 : 2,
        fill: bars ? colour(tone) : undefined,
        paths: bars ? uPlot.paths.bars!({ size: [0.72, 40], radius: [0.12, 0] }) : undefined,
        points: { show: !bars },
        value: (_plot, _value, _series, at) => (at === null ? '' : written(values[at])),
      })),
    ],
  }
  const heights = bars ? stacked(series) : series.map(({ values }) => values)
  return { options: drawn, data: [labels.map((_, at) => at), ...heights] as uPlot.AlignedData }
}

/** Which steps are named: as many as there is room for, the last among them. */
function steps(count: number, width: number): number[] {
  const every = Math.max(1, Math.ceil(count / Math.max(2, Math.floor(width / 70))))
  return Array.from({ length: count }, (_, at) => at).filter((at) => (count - 1 - at) % every === 0)
}
