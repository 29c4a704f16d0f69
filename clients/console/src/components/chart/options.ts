// Options and data for uPlot: stacked bars or lines, in the colours of the style sheet.

import uPlot from 'uplot'
import type { ChartProps, FormatValue } from './props'

type Drawing = Pick<ChartProps, 'axis' | 'labels' | 'series' | 'kind'> & { format: FormatValue }

/** Current value of a colour variable. It depends on the colour scheme. */
function colorOf(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

/**
 * Adds to each series the values of the series after it. Drawn in this order, each bar covers the lower part
 * of the bar before it, and the visible part has the height of the series' own value.
 */
function stack(series: Drawing['series']): (number | null)[][] {
  const sums: (number | null)[][] = []
  for (const { values } of [...series].reverse()) {
    const below = sums[0]
    sums.unshift(values.map((value, index) => (value ?? 0) + (below?.[index] ?? 0)))
  }
  return sums
}

export function plotOptions({ axis, labels, series, kind, format }: Drawing, width: number) {
  const bars = kind === 'bars'
  const gridColor = colorOf('border')
  const axisStyle = { stroke: colorOf('muted'), font: '12px system-ui, sans-serif' }
  const options: uPlot.Options = {
    width,
    height: 220,
    padding: [8, 20, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { show: !bars } },
    scales: {
      x: { time: false, range: () => [-0.6, labels.length - 0.4] },
      y: { range: (_plot, _min, max) => [0, Math.max(max * 1.08, 4)] },
    },
    axes: [
      {
        ...axisStyle,
        size: 30,
        grid: { show: false },
        ticks: { show: false },
        splits: () => labelledIndexes(labels.length, width),
        values: (_plot, splits) => splits.map((index) => labels[index] ?? ''),
      },
      {
        ...axisStyle,
        size: (_plot, values) => 16 + 7 * Math.max(3, ...(values ?? []).map((value) => value.length)),
        grid: { stroke: gridColor, width: 1 },
        ticks: { show: false },
        values: (_plot, splits) => splits.map((value) => (Number.isInteger(value) ? format(value) : '')),
      },
    ],
    series: [
      { label: axis, value: (_plot, index) => labels[index] ?? '' },
      ...series.map(({ label, color, values }): uPlot.Series => ({
        label,
        stroke: colorOf(color),
        width: bars ? 0 : 2,
        fill: bars ? colorOf(color) : undefined,
        paths: bars ? uPlot.paths.bars!({ size: [0.72, 40], radius: [0.12, 0] }) : undefined,
        points: { show: !bars },
        value: (_plot, _value, _series, index) => (index === null ? '' : format(values[index])),
      })),
    ],
  }
  const heights = bars ? stack(series) : series.map(({ values }) => values)
  return { options, data: [labels.map((_, index) => index), ...heights] as uPlot.AlignedData }
}

/** Indexes of the labels that fit on the axis, evenly spaced and including the last one. */
function labelledIndexes(count: number, width: number): number[] {
  const interval = Math.max(1, Math.ceil(count / Math.max(2, Math.floor(width / 70))))
  return Array.from({ length: count }, (_, index) => index).filter(
    (index) => (count - 1 - index) % interval === 0,
  )
}
