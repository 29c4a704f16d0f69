// A plot over days or hours, with the same as a table for those who do not see it.

import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { useFormats, useTexts } from '../language'
import { options } from './plot/options'

export interface Series {
  label: string
  /** Which colour, of those in the style sheet. */
  tone: string
  values: (number | null)[]
}

export interface PlotProps {
  title: string
  /** What the steps of the axis are: days, hours. */
  step: string
  labels: string[]
  series: Series[]
  /** Bars, one above the other, or lines. */
  kind: 'bars' | 'lines'
  /** What stands after a number. */
  unit?: string
  /** How a value is written where there is none. */
  absent?: string
  note?: string
}

export function Plot(props: PlotProps) {
  const texts = useTexts().overview
  const { title, step, labels, series, unit = '', absent = '', note } = props
  const { number } = useFormats()
  const written = (value: number | null | undefined) =>
    value === null || value === undefined ? absent : number(value) + unit
  return (
    <figure class="card plot">
      <figcaption>
        <h2>{title}</h2>
        {note && <p class="quiet">{note}</p>}
      </figcaption>
      <Canvas {...props} written={written} />
      <details>
        <summary>
          {texts.table}
          <span class="hidden">: {title}</span>
        </summary>
        <div class="table" role="region" aria-label={title} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{step}</th>
                {series.map(({ label }) => (
                  <th key={label} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {labels.map((label, at) => (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  {series.map((one) => (
                    <td key={one.label}>{written(one.values[at])}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  )
}

/** Changes whenever the colours do. */
function useScheme(): boolean {
  const query = matchMedia('(prefers-color-scheme: dark)')
  const [dark, setDark] = useState(query.matches)
  useEffect(() => {
    const change = () => setDark(query.matches)
    query.addEventListener('change', change)
    return () => query.removeEventListener('change', change)
  }, [])
  return dark
}

type CanvasProps = PlotProps & { written: (value: number | null | undefined) => string }

function Canvas({ step, labels, series, kind, written }: CanvasProps) {
  const place = useRef<HTMLDivElement>(null)
  const dark = useScheme()
  const shown = JSON.stringify([step, labels, series, kind, dark])
  useEffect(() => {
    const around = place.current
    if (!around) return
    const { options: drawn, data } = options({ step, labels, series, kind, written }, around.clientWidth)
    const plot = new uPlot(drawn, data, around)
    const watch = new ResizeObserver(() => plot.setSize({ width: around.clientWidth, height: drawn.height }))
    watch.observe(around)
    return () => {
      watch.disconnect()
      plot.destroy()
    }
  }, [shown])
  return <div ref={place} class="canvas" aria-hidden="true" />
}
