// The languages of the console: the browser's, or the one that was chosen here.

import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { en, type Texts } from './texts/en'
import { zh } from './texts/zh'

export type Language = 'zh' | 'en'

/** Each language in its own words, and how formats and assistive technology call it. */
export const languages = {
  zh: { name: '中文', tag: 'zh-CN', texts: zh },
  en: { name: 'English', tag: 'en', texts: en },
} as const

const KEPT = 'menshen.language'

/** The one that was chosen here, or else the first of the browser's that there is. */
export function preferredLanguage(): Language {
  const kept = localStorage.getItem(KEPT)
  const wanted = [kept ?? '', ...navigator.languages].map((tag) => tag.slice(0, 2).toLowerCase())
  return wanted.find((tag): tag is Language => tag in languages) ?? 'en'
}

/** Remembers a choice. */
export function keepLanguage(language: Language): void {
  localStorage.setItem(KEPT, language)
}

export const InLanguage = createContext<Language>('en')

/** What the console says. */
export function useTexts(): Texts {
  return languages[useContext(InLanguage)].texts
}

/** What is called by a word in an answer, in the words of people; the word itself where it is new. */
export function worded(words: Record<string, string>, word: string): string {
  return Object.hasOwn(words, word) ? words[word]! : word
}

/** How numbers and times are written. */
export function useFormats() {
  const { tag } = languages[useContext(InLanguage)]
  const number = new Intl.NumberFormat(tag)
  const share = new Intl.NumberFormat(tag, { style: 'percent', maximumFractionDigits: 1 })
  const time = new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'short' })
  const exact = new Intl.DateTimeFormat(tag, { dateStyle: 'full', timeStyle: 'long' })
  return {
    number: (value: number) => number.format(value),
    share: (value: number) => share.format(value),
    time: (value: string) => time.format(new Date(value)),
    exact: (value: string) => exact.format(new Date(value)),
  }
}
