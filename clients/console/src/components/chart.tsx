// Chart over days or hours, with its data as a table for screen readers.

import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { useFormats, useTexts } from '../language'
import { plotOptions } from './chart/options'
import type { ChartProps, FormatValue } from './chart/props'

export function Chart(props: ChartProps) {
  const texts = useTexts().overview
  const { title, axis, labels, series, unit = '', missing = '', note } = props
  const { number } = useFormats()
  const format: FormatValue = (value) =>
    value === null || value === undefined ? missing : number(value) + unit
  return (
    <figure class="card chart">
      <figcaption>
        <h2>{title}</h2>
        {note && <p class="muted">{note}</p>}
      </figcaption>
      <Canvas {...props} format={format} />
      <details>
        <summary>
          {texts.showTable}
          <span class="visually-hidden">: {title}</span>
        </summary>
        <div class="table" role="region" aria-label={title} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{axis}</th>
                {series.map(({ label }) => (
                  <th key={label} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {labels.map((label, index) => (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  {series.map((column) => (
                    <td key={column.label}>{format(column.values[index])}</td>
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

/** Returns true if the dark colour scheme is active. Re-renders the component when it changes. */
function useDarkScheme(): boolean {
  const query = matchMedia('(prefers-color-scheme: dark)')
  const [dark, setDark] = useState(query.matches)
  useEffect(() => {
    const update = () => setDark(query.matches)
    query.addEventListener('change', update)
    return () => query.removeEventListener('change', update)
  }, [])
  return dark
}

function Canvas({ axis, labels, series, kind, format }: ChartProps & { format: FormatValue }) {
  const container = useRef<HTMLDivElement>(null)
  const dark = useDarkScheme()
  // The chart is drawn again only if its content or its colours changed.
  const content = JSON.stringify([axis, labels, series, kind, dark])
  useEffect(() => {
    const element = container.current
    if (!element) return
    const { options, data } = plotOptions({ axis, labels, series, kind, format }, element.clientWidth)
    const plot = new uPlot(options, data, element)
    const observer = new ResizeObserver(() =>
      plot.setSize({ width: element.clientWidth, height: options.height }),
    )
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [content])
  return <div ref={container} class="canvas" aria-hidden="true" />
}
