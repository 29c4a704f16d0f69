/** Language of the page: the browser's language until the user chooses one. */

import { en } from './locales/en.js'
import { zh, type Texts } from './locales/zh.js'

export type Language = 'zh-CN' | 'en'

const LANGUAGE_KEY = 'virtual-phone/language'

let current: Language = initialLanguage()
const listeners: (() => void)[] = []

export const language = (): Language => current
export const texts = (): Texts => (current === 'en' ? en : zh)

/** Calls the listener now and after every change of the language. */
export function onLanguage(listener: () => void): void {
  listeners.push(listener)
  listener()
}

export function setLanguage(language: Language): void {
  current = language
  localStorage.setItem(LANGUAGE_KEY, language)
  listeners.forEach((listener) => listener())
}

function initialLanguage(): Language {
  const stored = localStorage.getItem(LANGUAGE_KEY)
  if (stored === 'en' || stored === 'zh-CN') return stored
  return navigator.language.startsWith('zh') ? 'zh-CN' : 'en'
}
