// Root component: language, signed-in administrator and routes.

import { useCallback, useEffect, useMemo, useState } from 'preact/hooks'
import { Route, Router, Switch } from 'wouter-preact'
import { useHashLocation } from 'wouter-preact/use-hash-location'
import type { AdministratorData } from './api'
import { call, onSignedOut } from './api_client'
import { AppLayout, type Notice } from './components/app_layout'
import { AuthLayout } from './components/auth_layout'
import {
  LanguageContext,
  languages,
  preferredLanguage,
  storeLanguage,
  useTexts,
  type Language,
} from './language'
import { Account } from './pages/account'
import { Admins } from './pages/admins'
import { AppPage } from './pages/app'
import { Apps } from './pages/apps'
import { AuditLog } from './pages/audit_log'
import { Invitation } from './pages/invitation'
import { Keys } from './pages/keys'
import { MemberPage } from './pages/member'
import { Members } from './pages/members'
import { Overview } from './pages/overview'
import { SignIn } from './pages/sign_in'
import { hasRole, SessionContext, type Role } from './session'

/** Storage key of the hint that a session may exist. Scripts cannot read the session cookie itself. */
const SESSION_HINT_KEY = 'menshen.signed-in'

type CurrentAdmin = AdministratorData | 'anonymous' | undefined

export function App() {
  const [language, setLanguage] = useState(preferredLanguage)
  document.documentElement.lang = languages[language].tag
  const chooseLanguage = (chosen: Language) => {
    storeLanguage(chosen)
    setLanguage(chosen)
  }
  return (
    <LanguageContext.Provider value={language}>
      <Router hook={useHashLocation}>
        <Routes chooseLanguage={chooseLanguage} />
      </Router>
    </LanguageContext.Provider>
  )
}

function Routes({ chooseLanguage }: { chooseLanguage: (language: Language) => void }) {
  const [me, setMe] = useState<CurrentAdmin>(() =>
    localStorage.getItem(SESSION_HINT_KEY) ? undefined : 'anonymous',
  )
  const [notice, setNotice] = useState<Notice>({ text: '' })
  const [, navigate] = useHashLocation()
  const { signedOut } = useTexts()
  const endSession = useCallback((message: string) => {
    localStorage.removeItem(SESSION_HINT_KEY)
    setNotice({ text: message })
    setMe('anonymous')
  }, [])
  useEffect(() => onSignedOut(() => endSession(signedOut)), [signedOut])
  useEffect(() => {
    if (me) return
    const session = call<AdministratorData>('GET', 'session', undefined, { anonymous: true })
    session.then(setMe, () => endSession(''))
  }, [])
  const session = useMemo(
    () =>
      typeof me === 'object'
        ? {
            me,
            notify: (text: string, onNextPage?: boolean) => setNotice({ text, onNextPage }),
            can: (role: Role) => hasRole(me.role, role),
          }
        : undefined,
    [me],
  )
  if (!me) return null
  if (!session) {
    const startSession = (admin: AdministratorData) => {
      localStorage.setItem(SESSION_HINT_KEY, 'yes')
      setNotice({ text: '' })
      setMe(admin)
    }
    return (
      <AuthLayout chooseLanguage={chooseLanguage} notice={notice}>
        <Switch>
          <Route path="/invitation">
            <Invitation
              onAccepted={(text) => {
                setNotice({ text })
                navigate('/')
              }}
            />
          </Route>
          <Route>
            <SignIn onSignedIn={startSession} />
          </Route>
        </Switch>
      </AuthLayout>
    )
  }
  return (
    <SessionContext.Provider value={session}>
      <AppLayout chooseLanguage={chooseLanguage} notice={notice} endSession={endSession}>
        <Switch>
          <Route path="/members">
            <Members />
          </Route>
          <Route path="/members/:id">{({ id }) => <MemberPage key={id} id={id} />}</Route>
          <Route path="/apps">
            <Apps />
          </Route>
          <Route path="/apps/:name">{({ name }) => <AppPage key={name} name={name} />}</Route>
          <Route path="/audit">
            <AuditLog />
          </Route>
          <Route path="/keys">
            <Keys />
          </Route>
          <Route path="/admins">
            <Admins />
          </Route>
          <Route path="/account">
            <Account endSession={endSession} />
          </Route>
          <Route>
            <Overview />
          </Route>
        </Switch>
      </AppLayout>
    </SessionContext.Provider>
  )
}
