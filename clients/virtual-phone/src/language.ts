/** The page's language: the browser's until somebody chooses. */

import { english } from './texts/english.js'
import { chinese, type Texts } from './texts/chinese.js'

export type Language = 'zh-CN' | 'en'

const KEY = 'virtual-phone/language'

let chosen: Language = start()
const listeners: (() => void)[] = []

export const language = (): Language => chosen
export const texts = (): Texts => (chosen === 'en' ? english : chinese)

/** Has the listener hear of another language, and now of the present one. */
export function inLanguage(listener: () => void): void {
  listeners.push(listener)
  listener()
}

export function speak(language: Language): void {
  chosen = language
  localStorage.setItem(KEY, language)
  listeners.forEach((listener) => listener())
}

function start(): Language {
  const kept = localStorage.getItem(KEY)
  if (kept === 'en' || kept === 'zh-CN') return kept
  return navigator.language.startsWith('zh') ? 'zh-CN' : 'en'
}
