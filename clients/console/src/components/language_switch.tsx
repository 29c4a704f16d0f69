// Buttons that select the language.

import { useContext } from 'preact/hooks'
import { LanguageContext, languages, useTexts, type Language } from '../language'

export function LanguageSwitch({ choose }: { choose: (language: Language) => void }) {
  const texts = useTexts()
  const current = useContext(LanguageContext)
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
