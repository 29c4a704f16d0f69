//! Ports and policies from which the use cases are built.

use std::sync::Arc;
use std::time::Duration;

use crate::model::admin::AdminSessionPolicy;
use crate::model::audit::refusals::RefusalCounts;
use crate::model::clock::Clock;
use crate::model::event::delivery::ReceiverName;
use crate::model::fingerprint::TransientFingerprints;
use crate::model::member::nickname::NicknamePrefixes;
use crate::model::random::Random;
use crate::model::session::SessionPolicy;
use crate::model::signing_key::KeyPolicy;
use crate::ports::app::{AppFactory, AppSecretSeal};
use crate::ports::login_seal::LoginSeal;
use crate::ports::passwords::PasswordHasher;
use crate::ports::provider_stats::ProviderStats;
use crate::ports::request_context::RequestContext;
use crate::ports::store::admins::AdminReader;
use crate::ports::store::apps::AppReader;
use crate::ports::store::audit::AuditReader;
use crate::ports::store::expired_rows::ExpiredRowReader;
use crate::ports::store::identities::IdentityReader;
use crate::ports::store::members::{MemberReader, MemberSearch, PersonalDataReader};
use crate::ports::store::pushes::WithdrawalReader;
use crate::ports::store::redemptions::RedemptionReader;
use crate::ports::store::session_keys::SessionKeyReader;
use crate::ports::store::sessions::{SessionLister, SessionReader};
use crate::ports::store::signing_keys::SigningKeyReader;
use crate::ports::store::{Store, StoreReader};
use crate::ports::timer::Timer;
use crate::ports::tokens::{TokenIssuer, TokenVerifier};
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::rate_limits::RateLimits;

/// Ports of the use cases, with the apps and rate limits that the composition root built from others.
#[derive(Clone)]
pub struct Ports {
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Timer of background work.
    pub timer: Arc<dyn Timer>,
    /// Source of randomness.
    pub random: Arc<dyn Random>,
    /// Request that an event is attributed to.
    pub request_context: Arc<dyn RequestContext>,
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Reads outside of a unit of work.
    pub readers: StoreReaders,
    /// Apps that users log in to.
    pub apps: Arc<AppRegistry>,
    /// Factory of registered apps.
    pub app_factory: Arc<dyn AppFactory>,
    /// Encryption of app secrets.
    pub app_secret_seal: Arc<dyn AppSecretSeal>,
    /// Rate limits of members and sessions.
    pub rate_limits: Arc<RateLimits>,
    /// Refusals that are not in the audit log yet.
    pub refusals: Arc<RefusalCounts>,
    /// Issuer of access and refresh tokens.
    pub token_issuer: Arc<dyn TokenIssuer>,
    /// Verifier of access and refresh tokens.
    pub token_verifier: Arc<dyn TokenVerifier>,
    /// Fingerprints of values that are used for minutes or hours.
    pub fingerprints: Arc<dyn TransientFingerprints>,
    /// Fingerprints of login requests and encryption of their responses.
    pub login_seal: Arc<dyn LoginSeal>,
    /// Hashes of administrators' passwords.
    pub password_hasher: Arc<dyn PasswordHasher>,
    /// Statistics of calls to the provider.
    pub provider_stats: Arc<dyn ProviderStats>,
}

/// Reads outside of a unit of work, by purpose.
#[derive(Clone)]
pub struct StoreReaders {
    /// Members as last committed.
    pub members: Arc<dyn MemberReader>,
    /// Members for their own profile requests: a cache may answer.
    pub profiles: Arc<dyn MemberReader>,
    /// Search for members.
    pub member_search: Arc<dyn MemberSearch>,
    /// Personal data for exports.
    pub personal_data: Arc<dyn PersonalDataReader>,
    /// Identities.
    pub identities: Arc<dyn IdentityReader>,
    /// Sessions for the authentication of requests: a cache may answer.
    pub sessions: Arc<dyn SessionReader>,
    /// Sessions as last committed, for the generation of their refresh tokens.
    pub committed_sessions: Arc<dyn SessionReader>,
    /// Lists of sessions.
    pub session_lists: Arc<dyn SessionLister>,
    /// Redeemed login codes.
    pub redemptions: Arc<dyn RedemptionReader>,
    /// Stored session keys.
    pub session_keys: Arc<dyn SessionKeyReader>,
    /// Pending withdrawals.
    pub withdrawals: Arc<dyn WithdrawalReader>,
    /// Audit log.
    pub audit: Arc<dyn AuditReader>,
    /// Administrators.
    pub admins: Arc<dyn AdminReader>,
    /// Registered apps.
    pub apps: Arc<dyn AppReader>,
    /// Signing keys.
    pub signing_keys: Arc<dyn SigningKeyReader>,
    /// Age of the oldest rows.
    pub expired_rows: Arc<dyn ExpiredRowReader>,
}

impl StoreReaders {
    /// Reads everything from one store.
    #[must_use]
    pub fn new(store: &Arc<dyn StoreReader>) -> Self {
        Self {
            members: store.clone(),
            profiles: store.clone(),
            member_search: store.clone(),
            personal_data: store.clone(),
            identities: store.clone(),
            sessions: store.clone(),
            committed_sessions: store.clone(),
            session_lists: store.clone(),
            redemptions: store.clone(),
            session_keys: store.clone(),
            withdrawals: store.clone(),
            audit: store.clone(),
            admins: store.clone(),
            apps: store.clone(),
            signing_keys: store.clone(),
            expired_rows: store.clone(),
        }
    }
}

/// Configurable policies of the use cases.
#[derive(Clone, Debug)]
pub struct Policies {
    /// Prefixes of default nicknames.
    pub nickname_prefixes: NicknamePrefixes,
    /// Lifetime of an access token, unless the app overrides it.
    pub access_ttl: Duration,
    /// Lifetime and number of sessions, unless the app overrides it.
    pub sessions: SessionPolicy,
    /// Lifetime of administrators' sessions.
    pub admin_sessions: AdminSessionPolicy,
    /// Lifetime of signing keys.
    pub signing_keys: KeyPolicy,
    /// Offset from UTC of the days in statistics, in milliseconds; positive is east of Greenwich.
    pub utc_offset: i64,
    /// Retention of audit events; `None` keeps them forever.
    pub audit_retention: Option<Duration>,
    /// Configured webhook receivers.
    pub webhook_receivers: Vec<ReceiverName>,
}

#[cfg(test)]
impl Ports {
    /// Returns mocks without expectations: every call of them fails the test.
    pub(crate) fn mocks() -> Self {
        use crate::model::clock::MockClock;
        use crate::model::fingerprint::MockTransientFingerprints;
        use crate::model::random::MockRandom;
        use crate::ports::app::{MockAppFactory, MockAppSecretSeal};
        use crate::ports::login_seal::MockLoginSeal;
        use crate::ports::passwords::MockPasswordHasher;
        use crate::ports::provider_stats::MockProviderStats;
        use crate::ports::rate_limiter::MockRateLimiter;
        use crate::ports::request_context::MockRequestContext;
        use crate::ports::store::MockStore;
        use crate::ports::timer::MockTimer;
        use crate::ports::tokens::{MockTokenIssuer, MockTokenVerifier};
        use crate::use_cases::rate_limits::Quotas;

        let limiter = Arc::new(MockRateLimiter::new());
        Self {
            clock: Arc::new(MockClock::new()),
            timer: Arc::new(MockTimer::new()),
            random: Arc::new(MockRandom::new()),
            request_context: Arc::new(MockRequestContext::new()),
            store: Arc::new(MockStore::new()),
            readers: StoreReaders::mocks(),
            apps: Arc::new(AppRegistry::new(vec![])),
            app_factory: Arc::new(MockAppFactory::new()),
            app_secret_seal: Arc::new(MockAppSecretSeal::new()),
            rate_limits: Arc::new(RateLimits { limiter, quotas: Quotas::default() }),
            refusals: Arc::default(),
            token_issuer: Arc::new(MockTokenIssuer::new()),
            token_verifier: Arc::new(MockTokenVerifier::new()),
            fingerprints: Arc::new(MockTransientFingerprints::new()),
            login_seal: Arc::new(MockLoginSeal::new()),
            password_hasher: Arc::new(MockPasswordHasher::new()),
            provider_stats: Arc::new(MockProviderStats::new()),
        }
    }
}

#[cfg(test)]
impl StoreReaders {
    fn mocks() -> Self {
        use crate::ports::store::admins::MockAdminReader;
        use crate::ports::store::apps::MockAppReader;
        use crate::ports::store::audit::MockAuditReader;
        use crate::ports::store::expired_rows::MockExpiredRowReader;
        use crate::ports::store::identities::MockIdentityReader;
        use crate::ports::store::members::{
            MockMemberReader, MockMemberSearch, MockPersonalDataReader,
        };
        use crate::ports::store::pushes::MockWithdrawalReader;
        use crate::ports::store::redemptions::MockRedemptionReader;
        use crate::ports::store::session_keys::MockSessionKeyReader;
        use crate::ports::store::sessions::{MockSessionLister, MockSessionReader};
        use crate::ports::store::signing_keys::MockSigningKeyReader;

        Self {
            members: Arc::new(MockMemberReader::new()),
            profiles: Arc::new(MockMemberReader::new()),
            member_search: Arc::new(MockMemberSearch::new()),
            personal_data: Arc::new(MockPersonalDataReader::new()),
            identities: Arc::new(MockIdentityReader::new()),
            sessions: Arc::new(MockSessionReader::new()),
            committed_sessions: Arc::new(MockSessionReader::new()),
            session_lists: Arc::new(MockSessionLister::new()),
            redemptions: Arc::new(MockRedemptionReader::new()),
            session_keys: Arc::new(MockSessionKeyReader::new()),
            withdrawals: Arc::new(MockWithdrawalReader::new()),
            audit: Arc::new(MockAuditReader::new()),
            admins: Arc::new(MockAdminReader::new()),
            apps: Arc::new(MockAppReader::new()),
            signing_keys: Arc::new(MockSigningKeyReader::new()),
            expired_rows: Arc::new(MockExpiredRowReader::new()),
        }
    }
}

#[cfg(test)]
impl Policies {
    pub(crate) fn for_tests() -> Self {
        let access_ttl = Duration::from_hours(2);
        Self {
            nickname_prefixes: NicknamePrefixes::new(vec!["好柿开花".into()]).unwrap(),
            access_ttl,
            sessions: SessionPolicy {
                idle: Duration::from_hours(24),
                absolute: Duration::from_hours(240),
                grace: Duration::from_secs(10),
                per_member: 10,
            },
            admin_sessions: AdminSessionPolicy {
                idle: Duration::from_mins(30),
                absolute: Duration::from_hours(12),
            },
            signing_keys: KeyPolicy {
                lifetime: Some(Duration::from_hours(24)),
                prepublish: Duration::from_secs(1),
                access_ttl,
            },
            utc_offset: 0,
            audit_retention: None,
            webhook_receivers: vec![],
        }
    }
}
