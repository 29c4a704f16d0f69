//! What a house is built of, and how its use cases are wired over that.

use std::sync::Arc;
use std::time::Duration;

use api::config::ApiConfig;
use api::metrics::Metrics;
use api::middleware::current_request::CurrentRequest;
use api::routes::Parts;
use api::routes::admin::Administration;
use api::server::drain::Drain;
use domain::model::admin::AdminSessionPolicy;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::clock::Clock;
use domain::model::identity::conflict_policy::ConflictPolicy;
use domain::model::member::nickname::NicknamePrefixes;
use domain::model::provider::call_stats::CallStats;
use domain::model::session::SessionPolicy;
use domain::model::signing_key::KeyPolicy;
use domain::ports::app::App;
use domain::ports::app::AppFactory;
use domain::ports::provider::{IdentityProvider, PhoneProvider};
use domain::ports::provider_stats::ProviderStats;
use domain::ports::pushes::PushReader;
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use domain::ports::session_keys::SessionKeys;
use domain::ports::store::Store;
use domain::ports::store::admins::AdminReader;
use domain::ports::store::apps::AppReader;
use domain::ports::store::audit::AuditReader;
use domain::ports::store::members::MemberReader;
use domain::ports::store::signing_keys::SigningKeyReader;
use domain::ports::tokens::{TokenIssuer, TokenVerifier};
use domain::use_cases::admin::authenticate::AuthenticateAdmin;
use domain::use_cases::admin::manage_admins::ManageAdmins;
use domain::use_cases::admin::manage_apps::ManageApps;
use domain::use_cases::admin::manage_members::ManageMembers;
use domain::use_cases::admin::query_audit_log::QueryAuditLog;
use domain::use_cases::admin::service_status::ServiceStatus;
use domain::use_cases::admin::sign_in::SignIn;
use domain::use_cases::app::registry::AppRegistry;
use domain::use_cases::app::reload::{AppCache, ReloadApps};
use domain::use_cases::event::factory::EventFactory;
use domain::use_cases::login::exchange_code::ExchangeCode;
use domain::use_cases::login::get_openid::GetOpenid;
use domain::use_cases::login::single_flight::InFlight;
use domain::use_cases::login::{Login, LoginPolicy};
use domain::use_cases::member::ban::BanMember;
use domain::use_cases::member::bind_phone::BindPhone;
use domain::use_cases::member::erase::EraseMember;
use domain::use_cases::member::export_personal_data::ExportPersonalData;
use domain::use_cases::member::get_profile::GetProfile;
use domain::use_cases::member::update_profile::UpdateProfile;
use domain::use_cases::provider::receive_push::ReceivePush;
use domain::use_cases::provider::use_session_key::UseSessionKey;
use domain::use_cases::rate_limits::{Quotas, RateLimitedProvider};
use domain::use_cases::session::authenticate::Authenticate;
use domain::use_cases::session::introspect::Introspect;
use domain::use_cases::session::log_out::ManageSessions;
use domain::use_cases::session::refresh::Refresh;
use prometheus_client::registry::Registry;
use testkit::fake::apps::{MemoryAppFactory, MemoryAppSeal};
use testkit::fake::clock::FixedClock;
use testkit::fake::events::journal;
use testkit::fake::fingerprints::MemoryFingerprints;
use testkit::fake::login_responses::MemorySeal;
use testkit::fake::passwords::MemoryPasswords;
use testkit::fake::provider::MemoryProvider;
use testkit::fake::random::FixedRandom;
use testkit::fake::rate_limiter::MemoryRateLimiter;
use testkit::fake::service_accounts::MemoryServices;
use testkit::fake::session_keys::MemoryKeySeal;
use testkit::fake::tokens::MemoryTokens;
use testkit::memory::MemoryStore;

use crate::house::SERVICE_KEY;
use crate::house::mocks::{believing, two_keys, watching};

/// How long sessions last here, and how many.
const SESSIONS: SessionPolicy = SessionPolicy {
    idle: Duration::from_hours(720),
    absolute: Duration::from_hours(2160),
    grace: Duration::from_secs(10),
    per_member: 3,
};

/// How long administrators stay signed in here.
const ADMIN_SESSIONS: AdminSessionPolicy =
    AdminSessionPolicy { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };

/// When keys change here.
const KEYS: KeyPolicy = KeyPolicy {
    lifetime: Some(Duration::from_hours(720)),
    prepublish: Duration::from_hours(24),
    access_ttl: Duration::from_hours(2),
};

/// What a house is built of; a test replaces what it is about.
pub(crate) struct Plan {
    pub(crate) identity: Arc<dyn IdentityProvider>,
    pub(crate) phone: Arc<dyn PhoneProvider>,
    pub(crate) session_keys: Option<SessionKeys>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<dyn MemberReader>,
    pub(crate) admins: Arc<dyn AdminReader>,
    pub(crate) record: Arc<dyn AuditReader>,
    pub(crate) keys: Arc<dyn SigningKeyReader>,
    pub(crate) watch: Arc<dyn ProviderStats>,
    pub(crate) app_directory: Arc<dyn AppReader>,
    pub(crate) factory: Arc<dyn AppFactory>,
    pub(crate) issuer: Arc<dyn TokenIssuer>,
    pub(crate) verifier: Arc<dyn TokenVerifier>,
    pub(crate) services: Arc<dyn ServiceAccountAuthenticator>,
    pub(crate) pushes: Arc<dyn PushReader>,
    pub(crate) auto_register: bool,
    pub(crate) phone_required: bool,
    pub(crate) on_conflict: ConflictPolicy,
    pub(crate) quotas: Quotas,
    pub(crate) drain: Drain,
    pub(crate) config: ApiConfig,
}

impl Plan {
    /// A plan of nothing but fakes.
    pub(super) fn over(
        provider: &Arc<MemoryProvider>,
        phones: &Arc<MemoryProvider>,
        store: &MemoryStore,
        tokens: &Arc<MemoryTokens>,
        clock: &Arc<FixedClock>,
    ) -> Self {
        Self {
            identity: provider.clone(),
            phone: phones.clone(),
            session_keys: Some(SessionKeys {
                seal: Arc::new(MemoryKeySeal),
                operations: provider.clone(),
            }),
            store: Arc::new(store.clone()),
            directory: Arc::new(store.clone()),
            admins: Arc::new(store.clone()),
            record: Arc::new(store.clone()),
            keys: Arc::new(store.clone()),
            watch: Arc::new(watching(CallStats::new(clock.now()))),
            app_directory: Arc::new(store.clone()),
            factory: Arc::new(MemoryAppFactory::new(provider.clone())),
            issuer: tokens.clone(),
            verifier: tokens.clone(),
            pushes: Arc::new(believing()),
            services: Arc::new(MemoryServices::default().with("orders", SERVICE_KEY)),
            auto_register: true,
            phone_required: false,
            on_conflict: ConflictPolicy::default(),
            quotas: Quotas::default(),
            drain: Drain::default(),
            config: ApiConfig::default(),
        }
    }

    /// Every use case, over what was planned.
    #[expect(clippy::too_many_lines, reason = "it wires every use case, each in a few lines")]
    pub(super) fn into_parts(self, clock: &Arc<FixedClock>) -> Parts {
        let limits = MemoryRateLimiter::limits(self.quotas, clock.clone());
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
                limits: limits.clone(),
            }),
            phone: self.phone,
            session_keys: self.session_keys,
            pushes: Some(self.pushes),
        };
        let (apps, random) =
            (Arc::new(AppRegistry::new(vec![app])), Arc::new(FixedRandom::default()));
        let policy = LoginPolicy {
            nickname_prefixes: NicknamePrefixes::new(vec!["好柿开花".into()]).unwrap(),
            access_ttl: Duration::from_hours(2),
            sessions: SESSIONS,
        };
        let journal =
            EventFactory { requests: Arc::new(CurrentRequest), ..journal(clock.clone(), 9) };
        let erase_member = Arc::new(EraseMember {
            store: self.store.clone(),
            fingerprints: Arc::new(MemoryFingerprints),
            journal: journal.clone(),
        });
        let authenticate = Arc::new(Authenticate {
            tokens: self.verifier.clone(),
            directory: self.directory.clone(),
            clock: clock.clone(),
            limits: limits.clone(),
        });
        Parts {
            refresh: Arc::new(Refresh {
                apps: apps.clone(),
                store: self.store.clone(),
                verifier: self.verifier.clone(),
                issuer: self.issuer.clone(),
                journal: journal.clone(),
                policy: SESSIONS,
                access_ttl: policy.access_ttl,
                limits: limits.clone(),
            }),
            login: Arc::new(Login {
                apps: apps.clone(),
                store: self.store.clone(),
                directory: self.directory.clone(),
                seal: Arc::new(MemorySeal::default()),
                in_flight: InFlight::default(),
                tokens: self.issuer,
                fingerprints: Arc::new(MemoryFingerprints),
                journal: journal.clone(),
                policy,
            }),
            log_out: Arc::new(ManageSessions {
                store: self.store.clone(),
                directory: self.directory.clone(),
                clock: clock.clone(),
            }),
            introspect: Arc::new(Introspect {
                apps: apps.clone(),
                authenticate: authenticate.clone(),
                tokens: self.verifier,
                store: self.store.clone(),
                policy: SESSIONS,
            }),
            authenticate,
            verification_keys: Arc::new(two_keys()),
            identify: Arc::new(GetOpenid { apps: apps.clone() }),
            receive_push: Arc::new(ReceivePush {
                apps: apps.clone(),
                store: self.store.clone(),
                fingerprints: Arc::new(MemoryFingerprints),
                clock: clock.clone(),
                random: random.clone(),
            }),
            export_member: Arc::new(ExportPersonalData { directory: self.directory.clone() }),
            administration: Administration {
                sign_in: Arc::new(SignIn {
                    store: self.store.clone(),
                    directory: self.admins.clone(),
                    passwords: Arc::new(MemoryPasswords),
                    fingerprints: Arc::new(MemoryFingerprints),
                    journal: journal.clone(),
                    policy: ADMIN_SESSIONS,
                }),
                authenticate_admin: Arc::new(AuthenticateAdmin {
                    store: self.store.clone(),
                    directory: self.admins.clone(),
                    fingerprints: Arc::new(MemoryFingerprints),
                    clock: clock.clone(),
                    policy: ADMIN_SESSIONS,
                }),
                manage_admins: Arc::new(ManageAdmins {
                    store: self.store.clone(),
                    directory: self.admins,
                    passwords: Arc::new(MemoryPasswords),
                    fingerprints: Arc::new(MemoryFingerprints),
                    journal: journal.clone(),
                }),
                manage_members: Arc::new(ManageMembers {
                    store: self.store.clone(),
                    directory: self.directory.clone(),
                    ban: Arc::new(BanMember {
                        store: self.store.clone(),
                        journal: journal.clone(),
                    }),
                    erase: erase_member.clone(),
                    journal: journal.clone(),
                }),
                manage_apps: Arc::new(ManageApps {
                    store: self.store.clone(),
                    seal: Arc::new(MemoryAppSeal),
                    serve: Arc::new(ReloadApps {
                        apps: apps.clone(),
                        directory: self.app_directory,
                        factory: self.factory,
                        built: AppCache::default(),
                    }),
                    journal: journal.clone(),
                }),
                query_audit_log: Arc::new(QueryAuditLog {
                    directory: self.record,
                    clock: clock.clone(),
                    utc_offset: 8 * 3_600_000,
                }),
                service_status: Arc::new(ServiceStatus {
                    keys: self.keys,
                    policy: KEYS,
                    provider: self.watch,
                    clock: clock.clone(),
                }),
            },
            erase_member,
            exchange_code: Arc::new(ExchangeCode { apps: apps.clone() }),
            bind_phone: Arc::new(BindPhone {
                apps: apps.clone(),
                store: self.store.clone(),
                directory: self.directory.clone(),
                journal: journal.clone(),
            }),
            use_session_key: Arc::new(UseSessionKey {
                apps,
                store: self.store.clone(),
                directory: self.directory.clone(),
                clock: clock.clone(),
            }),
            current_member: Arc::new(GetProfile { directory: self.directory.clone() }),
            update_profile: Arc::new(UpdateProfile { store: self.store, journal: journal.clone() }),
            directory: self.directory,
            services: self.services,
            limits,
            metrics: Metrics::new(Registry::with_prefix("menshen")),
            clock: clock.clone(),
            random,
        }
    }
}
