//! Introspection on one instance of tokens that another instance has issued.

use std::sync::Arc;
use std::time::Duration;

use adapters::cache::invalidation::InvalidationLog;
use adapters::cache::member_cache::MemberCache;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::login::LoginRequest;
use domain::model::session::SessionPolicy;
use domain::ports::app::App;
use domain::use_cases::UseCases;
use domain::use_cases::ports::Ports;
use domain::use_cases::session::introspect::Introspection;
use testkit::fake::clock::FixedClock;
use testkit::fake::ports::{policies, ports};
use testkit::fake::provider::{MemoryProvider, MemoryUser};
use testkit::fake::tokens::MemoryTokens;
use testkit::memory::MemoryStore;

const SESSIONS: SessionPolicy = SessionPolicy {
    idle: Duration::from_hours(24),
    absolute: Duration::from_hours(240),
    grace: Duration::from_secs(10),
    per_member: 3,
};

/// State that all instances share.
struct Cluster {
    store: MemoryStore,
    provider: Arc<MemoryProvider>,
    clock: Arc<FixedClock>,
    tokens: Arc<MemoryTokens>,
}

impl Cluster {
    /// Starts an instance with a cache that no other instance invalidates.
    fn instance(&self, seed: u64) -> UseCases {
        let app = App {
            name: AppName::parse("main").unwrap(),
            app_id: AppId::parse("wx5e8d6c0a4b2f1e37").unwrap(),
            namespace: "memory".into(),
            policy: AppPolicy::default(),
            disabled: false,
            identity: self.provider.clone(),
            phone: self.provider.clone(),
            session_keys: None,
            pushes: None,
        };
        let store = Arc::new(self.store.clone());
        let mut ports = Ports {
            token_issuer: self.tokens.clone(),
            token_verifier: self.tokens.clone(),
            ..ports(store.clone(), self.clock.clone(), vec![app], seed)
        };
        let invalidations = Arc::new(InvalidationLog::new(Duration::from_mins(10)));
        ports.readers.sessions = Arc::new(MemberCache::new(store.clone(), store, invalidations));
        UseCases::new(&ports, &policies(SESSIONS))
    }
}

#[tokio::test]
async fn refresh_token_of_another_instance_is_active_at_once() {
    let clock = Arc::new(FixedClock::default());
    let cluster = Cluster {
        store: MemoryStore::default(),
        provider: Arc::default(),
        tokens: Arc::new(MemoryTokens::new(clock.clone())),
        clock,
    };
    let here = cluster.instance(1);
    let there = cluster.instance(2);
    let request = LoginRequest {
        code: cluster.provider.login_code(&MemoryUser::person("o1")),
        app: None,
        phone_code: None,
        nickname: None,
        on_conflict: None,
        idempotency_key: None,
    };
    let tokens = here.login.run(request).await.unwrap().tokens;
    // The session is in the cache of this instance now.
    there.authenticate.run(tokens.access_token.expose()).await.unwrap();
    let refreshed = here.refresh.run(tokens.refresh_token.expose()).await.unwrap();
    let introspection = there.introspect.run(refreshed.refresh_token.expose()).await.unwrap();
    assert!(matches!(introspection, Introspection::Refresh { .. }), "{introspection:?}");
}
