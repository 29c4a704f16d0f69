// Coloured label for a state.

import type { ComponentChildren } from 'preact'

interface BadgeProps {
  tone: 'success' | 'danger' | 'warning' | 'info'
  children: ComponentChildren
}

export function Badge({ tone, children }: BadgeProps) {
  return <span class={`badge ${tone}`}>{children}</span>
}
