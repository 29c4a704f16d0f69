// Languages of the console: the stored choice, or else the browser's language.

import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { en, type Texts } from './locales/en'
import { zh } from './locales/zh'

export type Language = 'zh' | 'en'

/** Supported languages: native name, BCP 47 tag and texts. */
export const languages = {
  zh: { name: '中文', tag: 'zh-CN', texts: zh },
  en: { name: 'English', tag: 'en', texts: en },
} as const

const LANGUAGE_KEY = 'menshen.language'

/** Returns the stored language, or else the first of the browser's languages that is supported. */
export function preferredLanguage(): Language {
  const stored = localStorage.getItem(LANGUAGE_KEY)
  const candidates = [stored ?? '', ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase())
  return candidates.find((tag): tag is Language => tag in languages) ?? 'en'
}

/** Stores the chosen language. */
export function storeLanguage(language: Language): void {
  localStorage.setItem(LANGUAGE_KEY, language)
}

export const LanguageContext = createContext<Language>('en')

/** Texts in the current language. */
export function useTexts(): Texts {
  return languages[useContext(LanguageContext)].texts
}

/** Label of an API value such as a role or an event kind. Unknown values are shown as they are. */
export function labelOf(labels: Record<string, string>, value: string): string {
  return Object.hasOwn(labels, value) ? labels[value]! : value
}

/** Formats of numbers, percentages and times in the current language. */
export function useFormats() {
  const { tag } = languages[useContext(LanguageContext)]
  const number = new Intl.NumberFormat(tag)
  const percent = new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: 1 })
  const time = new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'short' })
  const exactTime = new Intl.DateTimeFormat(tag, { dateStyle: 'full', timeStyle: 'long' })
  return {
    number: (value: number) => number.format(value),
    percent: (value: number) => percent.format(value),
    time: (value: string) => time.format(new Date(value)),
    exactTime: (value: string) => exactTime.format(new Date(value)),
  }
}
