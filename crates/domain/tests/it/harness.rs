//! Harness of the use cases over fakes.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::AdminSessionPolicy;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::event::EventKind;
use domain::model::event::delivery::{ReceiverName, Subscriptions};
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::login::{LoggedIn, LoginRequest};
use domain::model::member::nickname::Nickname;
use domain::model::member::phone::PhoneNumber;
use domain::model::session::SessionPolicy;
use domain::model::session::claims::Caller;
use domain::model::timestamp::Timestamp;
use domain::ports::app::App;
use domain::ports::provider::IdentityProvider;
use domain::ports::session_keys::SessionKeys;
use domain::ports::store::Store;
use domain::ports::tokens::TokenVerifier;
use domain::use_cases::UseCases;
use domain::use_cases::app::registry::AppRegistry;
use domain::use_cases::cleanup::Cleanup;
use domain::use_cases::event::factory::EventFactory;
use domain::use_cases::login::{Login, LoginError};
use domain::use_cases::ports::Ports;
use testkit::fake::apps::MemoryAppFactory;
use testkit::fake::clock::FixedClock;
use testkit::fake::events::event_factory;
use testkit::fake::login_responses::MemorySeal;
use testkit::fake::ports::{policies, ports};
use testkit::fake::provider::{MemoryProvider, MemoryUser};
use testkit::fake::session_keys::MemoryKeySeal;
use testkit::fake::tokens::MemoryTokens;
use testkit::memory::MemoryStore;

pub(crate) const SESSIONS: SessionPolicy = SessionPolicy {
    idle: Duration::from_hours(24),
    absolute: Duration::from_hours(240),
    grace: Duration::from_secs(10),
    per_member: 3,
};

pub(crate) const ADMIN_SESSIONS: AdminSessionPolicy =
    AdminSessionPolicy { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };

/// Fakes of a harness; clones share their state.
#[derive(Clone)]
pub(crate) struct Fakes {
    pub(crate) store: MemoryStore,
    pub(crate) provider: Arc<MemoryProvider>,
    pub(crate) tokens: Arc<MemoryTokens>,
    pub(crate) clock: Arc<FixedClock>,
    store_session_keys: bool,
    seal: Arc<MemorySeal>,
    pub(crate) events: EventFactory,
}

impl Fakes {
    pub(crate) fn new() -> Self {
        let crm = ReceiverName::parse("crm").unwrap();
        let subscriptions = Subscriptions::new(vec![(crm, EventKind::ALL.to_vec())]);
        let clock = Arc::new(FixedClock::at(Timestamp::from_unix_millis(1_800_000_000_000)));
        Self {
            store: MemoryStore::default().with_subscriptions(subscriptions),
            provider: Arc::default(),
            tokens: Arc::new(MemoryTokens::new(clock.clone())),
            events: event_factory(1),
            clock,
            store_session_keys: true,
            seal: Arc::default(),
        }
    }

    /// Returns the ports of these fakes.
    pub(crate) fn ports(
        &self,
        identity: Arc<dyn IdentityProvider>,
        on_conflict: ConflictPolicy,
    ) -> Ports {
        let store = Arc::new(self.store.clone());
        let apps = vec![self.app(identity, on_conflict)];
        Ports {
            random: self.events.random.clone(),
            app_factory: Arc::new(MemoryAppFactory::new(self.provider.clone())),
            token_issuer: self.tokens.clone(),
            token_verifier: self.tokens.clone(),
            login_seal: self.seal.clone(),
            ..ports(store, self.clock.clone(), apps, 0)
        }
    }

    /// Returns the login use case of a newly started server over these fakes.
    pub(crate) fn login(&self, on_conflict: ConflictPolicy) -> Arc<Login> {
        self.login_over(self.provider.clone(), Arc::new(self.store.clone()), on_conflict)
    }

    pub(crate) fn login_over(
        &self,
        identity: Arc<dyn IdentityProvider>,
        store: Arc<dyn Store>,
        on_conflict: ConflictPolicy,
    ) -> Arc<Login> {
        let ports = Ports { store, ..self.ports(identity, on_conflict) };
        UseCases::new(&ports, &policies(SESSIONS)).login
    }

    /// Returns the app `main`.
    pub(crate) fn app(
        &self,
        identity: Arc<dyn IdentityProvider>,
        on_conflict: ConflictPolicy,
    ) -> App {
        App {
            name: AppName::parse("main").unwrap(),
            app_id: AppId::parse("wx01").unwrap(),
            namespace: "memory".into(),
            policy: AppPolicy { on_conflict, ..AppPolicy::default() },
            disabled: false,
            identity,
            phone: self.provider.clone(),
            session_keys: self.store_session_keys.then(|| SessionKeys {
                seal: Arc::new(MemoryKeySeal),
                operations: self.provider.clone(),
            }),
            pushes: None,
        }
    }
}

pub(crate) struct LoginHarness {
    pub(crate) fakes: Fakes,
    pub(crate) login: Arc<Login>,
    pub(crate) apps: Arc<AppRegistry>,
    pub(crate) use_cases: UseCases,
}

impl Deref for LoginHarness {
    type Target = Fakes;

    fn deref(&self) -> &Fakes {
        &self.fakes
    }
}

impl LoginHarness {
    pub(crate) fn new() -> Self {
        Self::with(ConflictPolicy::default())
    }

    pub(crate) fn with(on_conflict: ConflictPolicy) -> Self {
        Self::over(Fakes::new(), on_conflict, |_| {})
    }

    /// Creates a harness with an app that stores no session keys.
    pub(crate) fn without_session_keys() -> Self {
        let fakes = Fakes { store_session_keys: false, ..Fakes::new() };
        Self::over(fakes, ConflictPolicy::default(), |_| {})
    }

    /// Connects the use cases with the fakes, after `change` has replaced some.
    pub(crate) fn over(
        fakes: Fakes,
        on_conflict: ConflictPolicy,
        change: impl FnOnce(&mut Ports),
    ) -> Self {
        let mut ports = fakes.ports(fakes.provider.clone(), on_conflict);
        change(&mut ports);
        let use_cases = UseCases::new(&ports, &policies(SESSIONS));
        Self { login: use_cases.login.clone(), apps: ports.apps, use_cases, fakes }
    }

    pub(crate) fn cleanup(&self) -> Cleanup {
        Cleanup {
            store: Arc::new(self.store.clone()),
            expired_rows: Arc::new(self.store.clone()),
            clock: self.clock.clone(),
            timer: self.clock.clone(),
            admin_sessions: ADMIN_SESSIONS,
            audit_retention: Some(Duration::from_hours(24)),
            receivers: vec![],
        }
    }

    pub(crate) fn request(&self, user: &MemoryUser) -> LoginRequest {
        let code = self.provider.login_code(user);
        LoginRequest {
            app: None,
            code,
            phone_code: None,
            nickname: None,
            on_conflict: None,
            idempotency_key: None,
        }
    }

    pub(crate) async fn log_in(&self, user: &MemoryUser) -> Result<LoggedIn, LoginError> {
        self.login.run(self.request(user)).await
    }

    pub(crate) async fn log_in_with_phone(
        &self,
        user: &MemoryUser,
        phone: &str,
    ) -> Result<LoggedIn, LoginError> {
        let phone = PhoneNumber::new(86, phone).unwrap();
        let phone_code = Some(self.provider.phone_code(user, &phone));
        self.login.run(LoginRequest { phone_code, ..self.request(user) }).await
    }

    pub(crate) async fn log_in_as(
        &self,
        user: &MemoryUser,
        nickname: &str,
    ) -> Result<LoggedIn, LoginError> {
        let nickname = Some(Nickname::parse(nickname).unwrap());
        self.login.run(LoginRequest { nickname, ..self.request(user) }).await
    }

    pub(crate) fn caller(&self, logged_in: &LoggedIn) -> Caller {
        self.tokens.verify(logged_in.tokens.access_token.expose()).unwrap().caller()
    }
}
