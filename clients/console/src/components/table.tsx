// Table that scrolls horizontally if it is wider than the page.

import type { ComponentChildren } from 'preact'

interface TableProps {
  label: string
  /** Column headings. */
  head: string[]
  children: ComponentChildren
}

export function Table({ label, head, children }: TableProps) {
  return (
    <div class="table" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
