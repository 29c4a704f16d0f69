// What is around the forms of those who are not signed in.

import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { useTexts, type Language } from '../language'
import { LanguageSwitch, Mark } from './mark'
import type { Notice } from './shell'

interface DoorProps {
  choose: (language: Language) => void
  notice: Notice
  children: ComponentChildren
}

export function Door({ choose, notice, children }: DoorProps) {
  const texts = useTexts()
  useEffect(() => {
    document.title = `${texts.product} · ${texts.console}`
  }, [texts])
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
