// Layout of the pages for signed-in administrators: navigation, account and status message.

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Link, useLocation } from 'wouter-preact'
import { ApiError, call } from '../api_client'
import { labelOf, useTexts, type Language } from '../language'
import { useSession } from '../session'
import { LanguageSwitch } from './language_switch'
import { Logo } from './logo'

/** Status message about a finished action, shown on the current page or on the next one. */
export interface Notice {
  text: string
  onNextPage?: boolean
}

interface AppLayoutProps {
  chooseLanguage: (language: Language) => void
  notice: Notice
  /** Returns to the sign-in page, which shows the message. */
  endSession: (message: string) => void
  children: ComponentChildren
}

export function AppLayout({ chooseLanguage, notice, endSession, children }: AppLayoutProps) {
  const texts = useTexts()
  const { me, can, notify } = useSession()
  const [location] = useLocation()
  const main = useRef<HTMLElement>(null)
  const [menuOpen, setMenuOpen] = useState(false)
  const menuId = useId()
  const previousLocation = useRef(location)
  useEffect(() => {
    if (previousLocation.current === location) return
    previousLocation.current = location
    setMenuOpen(false)
    notify(notice.onNextPage ? notice.text : '')
    main.current?.focus()
    scrollTo(0, 0)
  }, [location])
  const { nav } = texts
  const links: [href: string, label: string][] = [
    ['/', nav.overview],
    ['/members', nav.members],
    ['/apps', nav.apps],
    ['/audit', nav.audit],
    ['/keys', nav.keys],
  ]
  if (can('admin')) links.push(['/admins', nav.admins])
  const isCurrent = (href: string) =>
    href === '/' ? location === '/' : location === href || location.startsWith(`${href}/`)
  const pageName = links.find(([href]) => isCurrent(href))?.[1] ?? nav.account
  useEffect(() => {
    document.title = `${pageName} · ${texts.product}`
  }, [pageName, texts])
  const signOut = () =>
    call('DELETE', 'session', undefined, { anonymous: true }).then(
      () => endSession(''),
      (error) => {
        // A 401 means that the session had already ended.
        if (error instanceof ApiError && error.status === 401) endSession('')
        else notify(texts.signIn.signOutFailed)
      },
    )
  return (
    <div class="app-layout">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        {texts.skip}
      </button>
      <header>
        <div class="bar">
          <Logo />
          <button
            type="button"
            class="secondary small"
            aria-expanded={menuOpen}
            aria-controls={menuId}
            onClick={() => setMenuOpen(!menuOpen)}
          >
            {texts.menu}
          </button>
        </div>
        <div id={menuId} class={menuOpen ? 'menu open' : 'menu'}>
          <nav aria-label={texts.menu}>
            <ul>
              {links.map(([href, label]) => (
                <li key={href}>
                  <Link href={href} aria-current={isCurrent(href) ? 'page' : undefined}>
                    {label}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <div class="account">
            <Link href="/account" aria-current={isCurrent('/account') ? 'page' : undefined}>
              <bdi>{me.name}</bdi>
              <small>{labelOf(texts.role, me.role)}</small>
            </Link>
            <button type="button" class="plain" onClick={signOut}>
              {texts.signIn.signOut}
            </button>
            <LanguageSwitch choose={chooseLanguage} />
          </div>
        </div>
      </header>
      <main ref={main} tabIndex={-1}>
        <p class="notice" role="status">
          {notice.text}
        </p>
        {children}
      </main>
    </div>
  )
}
