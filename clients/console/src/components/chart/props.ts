// Properties of a chart.

export interface Series {
  label: string
  /** CSS variable of the colour, without its leading dashes. */
  color: string
  values: (number | null)[]
}

export interface ChartProps {
  title: string
  /** Name of the horizontal axis, e.g. day or hour. */
  axis: string
  labels: string[]
  series: Series[]
  /** Stacked bars, or lines. */
  kind: 'bars' | 'lines'
  /** Suffix of every number. */
  unit?: string
  /** Text for a missing value. */
  missing?: string
  note?: string
}

export type FormatValue = (value: number | null | undefined) => string
