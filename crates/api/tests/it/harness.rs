//! Test harness: a service over fakes, with helpers for common requests.

pub(crate) mod builder;
pub(crate) mod mocks;

use std::sync::{Arc, Once};

use domain::model::admin::{AdminName, AdminPassword, Role};
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::app::registered::{RegisteredApp, SealedSecret};
use domain::model::app::secret::AppSecretKind;
use domain::model::clock::Clock;
use domain::model::member::MemberStatus;
use domain::model::member::phone::PhoneNumber;
use domain::ports::app::AppSecretSeal;
use domain::ports::store::Store;
use domain::use_cases::UseCases;
use domain::use_cases::event::record_refusals::RecordRefusals;
use domain::use_cases::member::ban::StatusChange;
use salvo::Service;
use serde_json::json;
use testkit::fake::apps::MemoryAppSeal;
use testkit::fake::clock::FixedClock;
use testkit::fake::ports::{policies, ports};
use testkit::fake::provider::{MemoryProvider, MemoryUser};
use testkit::fake::tokens::MemoryTokens;
use testkit::memory::MemoryStore;
use tracing::subscriber::set_global_default;

use crate::call::{Answer, post};
use crate::harness::builder::{SESSION_POLICY, TestAppBuilder};

/// Key of the service account `orders`.
pub(crate) const SERVICE_KEY: &str = "orders-service-key-canary";

/// Password of every administrator.
pub(crate) const ADMIN_PASSWORD: &str = "a long password of an administrator";

/// A service and its fakes.
pub(crate) struct TestApp {
    pub(crate) service: Service,
    pub(crate) store: MemoryStore,
    /// Provider that redeems login codes.
    pub(crate) provider: Arc<MemoryProvider>,
    /// Provider that redeems phone codes.
    pub(crate) phones: Arc<MemoryProvider>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) tokens: Arc<MemoryTokens>,
    /// Recording of the refusals that the service has counted.
    pub(crate) record_refusals: Arc<RecordRefusals>,
    /// Use cases over the same store, for the preparation of tests.
    use_cases: UseCases,
}

/// Access and refresh token of a session.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    /// Returns the tokens of a successful login or refresh.
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let data = &answer.json()["data"];
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        Self { access: text("token"), refresh: text("refreshToken") }
    }
}

impl TestApp {
    /// Builds a service with default ports and settings.
    pub(crate) fn new() -> Self {
        Self::build_with(|_| {})
    }

    /// Builds a service after `change` has replaced ports or settings.
    pub(crate) fn build_with(change: impl FnOnce(&mut TestAppBuilder)) -> Self {
        install_global_subscriber();
        let provider = Arc::<MemoryProvider>::default();
        let phones = Arc::<MemoryProvider>::default();
        let store = MemoryStore::default();
        let clock = Arc::new(FixedClock::default());
        let tokens = Arc::new(MemoryTokens::new(clock.clone()));
        let mut builder = TestAppBuilder::new(&provider, &phones, &store, &tokens, &clock);
        change(&mut builder);
        let admin_ports = ports(Arc::new(store.clone()), clock.clone(), vec![], 8);
        let use_cases = UseCases::new(&admin_ports, &policies(SESSION_POLICY));
        let (service, record_refusals) = builder.build();
        Self { service, store, provider, phones, clock, tokens, record_refusals, use_cases }
    }

    /// Returns a login code of this user.
    pub(crate) fn login_code(&self, open_id: &str) -> String {
        self.provider.login_code(&MemoryUser::person(open_id)).expose().to_owned()
    }

    /// Returns a phone code of this user for a Chinese phone number.
    pub(crate) fn phone_code(&self, open_id: &str, national: &str) -> String {
        let phone = PhoneNumber::new(86, national).unwrap();
        self.phones.phone_code(&MemoryUser::person(open_id), &phone).expose().to_owned()
    }

    /// Logs this user in and returns the access token.
    pub(crate) async fn token_of(&self, open_id: &str) -> String {
        self.log_in(open_id).await.access
    }

    /// Logs this user in.
    pub(crate) async fn log_in(&self, open_id: &str) -> Tokens {
        let body = json!({ "code": self.login_code(open_id) });
        Tokens::of(&post("/login").json(&body).send(self).await)
    }

    /// Exchanges a refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        post("/token/refresh").json(&json!({ "refreshToken": token })).send(self).await
    }

    /// Creates an administrator, signs in and returns the cookie.
    pub(crate) async fn admin(&self, name: &str, role: Role) -> String {
        let manage = &self.use_cases.admin.manage_admins;
        let admin = AdminName::parse(name).unwrap();
        let invited = manage.invite(None, &admin, role).await.unwrap();
        let password = AdminPassword::new_password(ADMIN_PASSWORD).unwrap();
        manage.accept(&admin, &invited.code, &password).await.unwrap();
        self.sign_in(name).await
    }

    /// Signs an administrator in and returns the cookie.
    pub(crate) async fn sign_in(&self, name: &str) -> String {
        let credentials = json!({ "name": name, "password": ADMIN_PASSWORD });
        let answer = post("/admin/api/session").json(&credentials).send(self).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// Registers an app. With `rotating` its secret is being rotated.
    pub(crate) async fn register(&self, name: &str, rotating: bool, disabled: bool) {
        let name = AppName::parse(name).unwrap();
        let now = self.clock.now();
        let seal = || MemoryAppSeal.seal(&name, AppSecretKind::Secret, "a secret");
        let app = RegisteredApp {
            app_id: AppId::parse(&format!("wx-{}", name.as_str())).unwrap(),
            policy: AppPolicy::default(),
            secret: SealedSecret { current: seal(), former: rotating.then(seal), changed_at: now },
            push: None,
            disabled_at: disabled.then_some(now),
            created_at: now,
            version: 0,
            name: name.clone(),
        };
        let work = self.store.begin().await.unwrap();
        work.apps().add(&app).await.unwrap();
        work.commit().await.unwrap();
    }

    /// Bans the only member, which ends its sessions.
    pub(crate) async fn ban(&self) {
        let ban = &self.use_cases.ban_member;
        ban.set_status(&StatusChange::ban(self.store.members()[0].id, None)).await.unwrap();
    }

    /// Bans the only member without ending its sessions.
    pub(crate) async fn ban_and_keep_sessions(&self) {
        let work = self.store.begin().await.unwrap();
        let mut member = self.store.members().remove(0);
        member.set_status(MemberStatus::Banned, None, self.clock.now());
        work.members().update(&member).await.unwrap();
        work.commit().await.unwrap();
    }
}

/// Installs a global subscriber that enables every event on every thread.
///
/// `tracing` caches per call site whether any subscriber is interested. A call site first reached on a
/// thread without a subscriber would stay disabled for the tests that read the log.
fn install_global_subscriber() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| set_global_default(tracing_subscriber::registry()).unwrap());
}
