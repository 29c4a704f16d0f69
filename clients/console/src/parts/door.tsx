// What is around the forms of those who are not signed in.

import type { ComponentChildren } from 'preact'
import type { Language } from '../language'
import { LanguageSwitch, Mark } from './mark'
import type { Notice } from './shell'

interface DoorProps {
  choose: (language: Language) => void
  notice: Notice
  children: ComponentChildren
}

export function Door({ choose, notice, children }: DoorProps) {
  return (
    <div class="door">
      <header>
        <Mark />
        <LanguageSwitch choose={choose} />
      </header>
      <main>
        <p class="notice" role="status">
          {notice.text}
        </p>
        <article>{children}</article>
      </main>
    </div>
  )
}
