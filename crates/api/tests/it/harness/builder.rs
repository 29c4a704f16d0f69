//! Builder of the service under test.

use std::sync::Arc;
use std::time::Duration;

use api::config::ApiConfig;
use api::metrics::Metrics;
use api::middleware::current_request::CurrentRequest;
use api::routes::ApiPorts;
use api::server::drain::Drain;
use api::service::service;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::clock::Clock;
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::provider::call_stats::CallStats;
use domain::model::session::SessionPolicy;
use domain::ports::app::App;
use domain::ports::provider::{IdentityProvider, PhoneProvider};
use domain::ports::pushes::PushReader;
use domain::ports::session_keys::SessionKeys;
use domain::ports::store::StoreHealth;
use domain::use_cases::UseCases;
use domain::use_cases::app::registry::AppRegistry;
use domain::use_cases::event::record_refusals::RecordRefusals;
use domain::use_cases::ports::Ports;
use domain::use_cases::rate_limits::{Quotas, RateLimitedProvider};
use prometheus_client::registry::Registry;
use salvo::Service;
use testkit::fake::apps::MemoryAppFactory;
use testkit::fake::clock::FixedClock;
use testkit::fake::ports::{policies, ports};
use testkit::fake::provider::MemoryProvider;
use testkit::fake::random::FixedRandom;
use testkit::fake::rate_limiter::MemoryRateLimiter;
use testkit::fake::service_accounts::MemoryServiceAccounts;
use testkit::fake::session_keys::MemoryKeySeal;
use testkit::fake::tokens::MemoryTokens;
use testkit::memory::MemoryStore;

use crate::harness::SERVICE_KEY;
use crate::harness::mocks::{provider_stats, push_reader, verification_keys};

/// Lifetime and maximum number of sessions.
pub(super) const SESSION_POLICY: SessionPolicy = SessionPolicy {
    idle: Duration::from_hours(720),
    absolute: Duration::from_hours(2160),
    grace: Duration::from_secs(10),
    per_member: 3,
};

/// Builder of a service. Tests replace the ports and settings under test.
pub(crate) struct TestAppBuilder {
    /// Ports of the use cases. `apps` and `rate_limits` are built from the other fields.
    pub(crate) ports: Ports,
    pub(crate) store_health: Arc<dyn StoreHealth>,
    pub(crate) identity: Arc<dyn IdentityProvider>,
    pub(crate) phone: Arc<dyn PhoneProvider>,
    pub(crate) session_keys: Option<SessionKeys>,
    pub(crate) pushes: Arc<dyn PushReader>,
    pub(crate) auto_register: bool,
    pub(crate) phone_required: bool,
    pub(crate) on_conflict: ConflictPolicy,
    pub(crate) quotas: Quotas,
    pub(crate) drain: Drain,
    pub(crate) config: ApiConfig,
    clock: Arc<FixedClock>,
}

impl TestAppBuilder {
    /// Returns a builder with fakes for all ports.
    pub(super) fn new(
        provider: &Arc<MemoryProvider>,
        phones: &Arc<MemoryProvider>,
        store: &MemoryStore,
        tokens: &Arc<MemoryTokens>,
        clock: &Arc<FixedClock>,
    ) -> Self {
        let ports = Ports {
            request_context: Arc::new(CurrentRequest),
            app_factory: Arc::new(MemoryAppFactory::new(provider.clone())),
            token_issuer: tokens.clone(),
            token_verifier: tokens.clone(),
            provider_stats: Arc::new(provider_stats(CallStats::new(clock.now()))),
            ..ports(Arc::new(store.clone()), clock.clone(), vec![], 9)
        };
        Self {
            ports,
            store_health: Arc::new(store.clone()),
            identity: provider.clone(),
            phone: phones.clone(),
            session_keys: Some(SessionKeys {
                seal: Arc::new(MemoryKeySeal),
                operations: provider.clone(),
            }),
            pushes: Arc::new(push_reader()),
            auto_register: true,
            phone_required: false,
            on_conflict: ConflictPolicy::default(),
            quotas: Quotas::default(),
            drain: Drain::default(),
            config: ApiConfig::default(),
            clock: clock.clone(),
        }
    }

    /// Builds the service. The second value records the refusals that it has counted.
    pub(super) fn build(self) -> (Service, Arc<RecordRefusals>) {
        let rate_limits = MemoryRateLimiter::limits(self.quotas, self.clock.clone());
        let name = AppName::parse("main").unwrap();
        let app = App {
            name: name.clone(),
            app_id: AppId::parse("wx5e8d6c0a4b2f1e37").unwrap(),
            namespace: "memory".into(),
            policy: AppPolicy {
                auto_register: self.auto_register,
                phone_required: self.phone_required,
                on_conflict: self.on_conflict,
                ..AppPolicy::default()
            },
            disabled: false,
            identity: Arc::new(RateLimitedProvider {
                app: name,
                provider: self.identity,
                limits: rate_limits.clone(),
            }),
            phone: self.phone,
            session_keys: self.session_keys,
            pushes: Some(self.pushes),
        };
        let apps = Arc::new(AppRegistry::new(vec![app]));
        let ports = Ports { apps, rate_limits: rate_limits.clone(), ..self.ports };
        let api_ports = ApiPorts {
            clock: self.clock,
            random: Arc::new(FixedRandom::default()),
            rate_limits,
            service_accounts: Arc::new(
                MemoryServiceAccounts::default().with("orders", SERVICE_KEY),
            ),
            verification_keys: Arc::new(verification_keys()),
            store_health: self.store_health,
            metrics: Metrics::new(Registry::with_prefix("menshen")),
        };
        let use_cases = UseCases::new(&ports, &policies(SESSION_POLICY));
        let record_refusals = use_cases.record_refusals.clone();
        (service(use_cases, api_ports, &self.config, self.drain), record_refusals)
    }
}
