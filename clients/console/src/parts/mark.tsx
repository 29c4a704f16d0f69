// The mark of the product, and the switch of languages: what the door and the shell have in common.

import { useContext } from 'preact/hooks'
import { InLanguage, languages, useTexts, type Language } from '../language'

export function Mark() {
  const texts = useTexts()
  return (
    <span class="mark">
      <img src="/admin/icon.svg" alt="" width="28" height="28" />
      <strong>{texts.product}</strong>
      <span>{texts.console}</span>
    </span>
  )
}

export function LanguageSwitch({ choose }: { choose: (language: Language) => void }) {
  const texts = useTexts()
  const current = useContext(InLanguage)
  return (
    <div class="languages" role="group" aria-label={texts.language}>
      {(Object.keys(languages) as Language[]).map((language) => (
        <button
          key={language}
          type="button"
          lang={languages[language].tag}
          aria-pressed={language === current}
          onClick={() => choose(language)}
        >
          {languages[language].name}
        </button>
      ))}
    </div>
  )
}
