//! A door with all its fakes at hand.

use std::sync::Arc;
use std::time::Duration;

use domain::app::{App, AppName, Apps};
use domain::login::{LoggedIn, Login, LoginError, LoginPolicy, LoginRequest};
use domain::nickname::{Nickname, NicknamePrefixes};
use domain::phone::PhoneNumber;
use domain::ports::tokens::{Caller, TokenVerifier};
use domain::session::SessionPolicy;
use domain::timestamp::Timestamp;
use testkit::clock::FixedClock;
use testkit::memory::MemoryStore;
use testkit::provider::{MemoryProvider, MemoryUser};
use testkit::random::FixedRandom;
use testkit::tokens::MemoryTokens;

pub(crate) const SESSIONS: SessionPolicy = SessionPolicy {
    idle: Duration::from_hours(24),
    absolute: Duration::from_hours(240),
    grace: Duration::from_secs(10),
    per_member: 3,
};

pub(crate) struct Door {
    pub(crate) store: MemoryStore,
    pub(crate) provider: Arc<MemoryProvider>,
    pub(crate) tokens: Arc<MemoryTokens>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) login: Arc<Login>,
}

impl Door {
    pub(crate) fn new() -> Self {
        let provider = Arc::new(MemoryProvider::default());
        let app = App {
            name: AppName::parse("main").unwrap(),
            app_id: "wx01".into(),
            auto_register: true,
            phone_required: false,
            identity: provider.clone(),
            phone: provider.clone(),
        };
        let store = MemoryStore::default();
        let clock = Arc::new(FixedClock::at(Timestamp::from_unix_millis(1_800_000_000_000)));
        let tokens = Arc::new(MemoryTokens::new(clock.clone()));
        let login = Login {
            apps: Arc::new(Apps::new(vec![app])),
            store: Arc::new(store.clone()),
            tokens: tokens.clone(),
            clock: clock.clone(),
            random: Arc::new(FixedRandom::default()),
            policy: LoginPolicy {
                nickname_prefixes: NicknamePrefixes::new(vec!["好柿开花".into()]).unwrap(),
                access_ttl: Duration::from_hours(2),
                sessions: SESSIONS,
            },
        };
        Self { store, provider, tokens, clock, login: Arc::new(login) }
    }

    pub(crate) fn request(&self, user: &MemoryUser) -> LoginRequest {
        let code = self.provider.login_code(user);
        LoginRequest { app: None, code, phone_code: None, nickname: None }
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
