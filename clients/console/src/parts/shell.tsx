// What is around every page of those who are signed in: where one can go, who one is, what was done.

import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Link, useLocation } from 'wouter-preact'
import { useTexts, worded, type Language } from '../language'
import { call, Refusal } from '../server'
import { useSession } from '../session'
import { LanguageSwitch, Mark } from './mark'

/** What was done, and whether it is to be told on the page after this one. */
export interface Notice {
  text: string
  onNextPage?: boolean
}

interface ShellProps {
  choose: (language: Language) => void
  notice: Notice
  leave: (why: string) => void
  children: ComponentChildren
}

export function Shell({ choose, notice, leave, children }: ShellProps) {
  const texts = useTexts()
  const { me, may, say } = useSession()
  const [place] = useLocation()
  const main = useRef<HTMLElement>(null)
  const [open, setOpen] = useState(false)
  const menu = useId()
  const before = useRef(place)
  useEffect(() => {
    if (before.current === place) return
    before.current = place
    setOpen(false)
    say(notice.onNextPage ? notice.text : '')
    main.current?.focus()
    scrollTo(0, 0)
  }, [place])
  const { nav } = texts
  const places: [string, string][] = [
    ['/', nav.overview],
    ['/members', nav.members],
    ['/apps', nav.apps],
    ['/record', nav.record],
    ['/keys', nav.keys],
    ...(may('admin') ? [['/admins', nav.admins] as [string, string]] : []),
  ]
  const here = (to: string) => (to === '/' ? place === '/' : place === to || place.startsWith(`${to}/`))
  const name = places.find(([to]) => here(to))?.[1] ?? nav.account
  useEffect(() => {
    document.title = `${name} · ${texts.product}`
  }, [name, texts])
  const signOut = () =>
    call('DELETE', 'session', undefined, { stranger: true }).then(
      () => leave(''),
      (failure) =>
        failure instanceof Refusal && failure.status === 401 ? leave('') : say(texts.signIn.stillIn),
    )
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        {texts.skip}
      </button>
      <header>
        <div class="bar">
          <Mark />
          <button
            type="button"
            class="secondary small"
            aria-expanded={open}
            aria-controls={menu}
            onClick={() => setOpen(!open)}
          >
            {texts.menu}
          </button>
        </div>
        <div id={menu} class={open ? 'menu open' : 'menu'}>
          <nav aria-label={texts.menu}>
            <ul>
              {places.map(([to, name]) => (
                <li key={to}>
                  <Link href={to} aria-current={here(to) ? 'page' : undefined}>
                    {name}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <div class="self">
            <Link href="/account" aria-current={here('/account') ? 'page' : undefined}>
              <bdi>{me.name}</bdi>
              <small>{worded(texts.role, me.role)}</small>
            </Link>
            <button type="button" class="plain" onClick={signOut}>
              {texts.signIn.out}
            </button>
            <LanguageSwitch choose={choose} />
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
