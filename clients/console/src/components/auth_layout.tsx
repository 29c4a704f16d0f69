// Layout of the sign-in and invitation pages.

import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { useTexts, type Language } from '../language'
import type { Notice } from './app_layout'
import { LanguageSwitch } from './language_switch'
import { Logo } from './logo'

interface AuthLayoutProps {
  chooseLanguage: (language: Language) => void
  notice: Notice
  children: ComponentChildren
}

export function AuthLayout({ chooseLanguage, notice, children }: AuthLayoutProps) {
  const texts = useTexts()
  useEffect(() => {
    document.title = `${texts.product} · ${texts.console}`
  }, [texts])
  return (
    <div class="auth-layout">
      <header>
        <Logo />
        <LanguageSwitch choose={chooseLanguage} />
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
