// The whole console: who is signed in, in which language, and which page is shown.

import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import { Route, Router, Switch } from 'wouter-preact'
import { useHashLocation } from 'wouter-preact/use-hash-location'
import type { AdministratorData } from './api'
import { InLanguage, keepLanguage, languages, preferredLanguage, useTexts, type Language } from './language'
import { Account } from './pages/account'
import { Admins } from './pages/admins'
import { AppPage } from './pages/app'
import { Apps } from './pages/apps'
import { Invitation } from './pages/invitation'
import { Keys } from './pages/keys'
import { MemberPage } from './pages/member'
import { Members } from './pages/members'
import { Overview } from './pages/overview'
import { Record } from './pages/record'
import { SignIn } from './pages/sign_in'
import { Shell, type Notice } from './parts/shell'
import { Door } from './parts/door'
import { call, onSignedOut } from './server'
import { Signed, suffices, type Role } from './session'

/** Remembers that somebody came in, and may still be: the cookie itself is out of reach. */
const CAME_IN = 'menshen.came-in'

type Me = AdministratorData | 'nobody' | undefined

export function App() {
  const [language, setLanguage] = useState(preferredLanguage)
  document.documentElement.lang = languages[language].tag
  const choose = (chosen: Language) => {
    keepLanguage(chosen)
    setLanguage(chosen)
  }
  return (
    <InLanguage.Provider value={language}>
      <Router hook={useHashLocation}>
        <Inside choose={choose} />
      </Router>
    </InLanguage.Provider>
  )
}

function Inside({ choose }: { choose: (language: Language) => void }) {
  const [me, setMe] = useState<Me>(() => (localStorage.getItem(CAME_IN) ? undefined : 'nobody'))
  const [notice, setNotice] = useState<Notice>({ text: '' })
  const [, go] = useHashLocation()
  const { signedOut } = useTexts()
  const leave = useCallback((why: string) => {
    localStorage.removeItem(CAME_IN)
    setNotice({ text: why })
    setMe('nobody')
  }, [])
  useEffect(() => onSignedOut(() => leave(signedOut)), [signedOut])
  useEffect(() => {
    if (me) return
    call<AdministratorData>('GET', 'session', undefined, { stranger: true }).then(setMe, () => leave(''))
  }, [])
  const session = useMemo(
    () =>
      typeof me === 'object'
        ? {
            me,
            say: (text: string, onNextPage?: boolean) => setNotice({ text, onNextPage }),
            may: (role: Role) => suffices(me.role, role),
          }
        : undefined,
    [me],
  )
  if (!me) return null
  if (!session) {
    const enter = (entered: AdministratorData) => {
      localStorage.setItem(CAME_IN, 'yes')
      setNotice({ text: '' })
      setMe(entered)
    }
    return (
      <Door choose={choose} notice={notice}>
        <Switch>
          <Route path="/invitation">
            <Invitation
              done={(text) => {
                setNotice({ text })
                go('/')
              }}
            />
          </Route>
          <Route>
            <SignIn enter={enter} />
          </Route>
        </Switch>
      </Door>
    )
  }
  return (
    <Signed.Provider value={session}>
      <Shell choose={choose} notice={notice} leave={leave}>
        <Switch>
          <Route path="/members">
            <Members />
          </Route>
          <Route path="/members/:id">{({ id }) => <MemberPage key={id} id={id} />}</Route>
          <Route path="/apps">
            <Apps />
          </Route>
          <Route path="/apps/:name">{({ name }) => <AppPage key={name} name={name} />}</Route>
          <Route path="/record">
            <Record />
          </Route>
          <Route path="/keys">
            <Keys />
          </Route>
          <Route path="/admins">
            <Admins />
          </Route>
          <Route path="/account">
            <Account leave={leave} />
          </Route>
          <Route>
            <Overview />
          </Route>
        </Switch>
      </Shell>
    </Signed.Provider>
  )
}
