//! Ports and policies from which the use cases are built.

use std::sync::Arc;
use std::time::Duration;

use crate::model::admin::AdminSessionPolicy;
use crate::model::clock::Clock;
use crate::model::event::delivery::ReceiverName;
use crate::model::fingerprint::Fingerprints;
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
use crate::ports::store::identities::IdentityReader;
use crate::ports::store::members::{MemberReader, MemberSearch, PersonalDataReader};
use crate::ports::store::pushes::WithdrawalReader;
use crate::ports::store::redemptions::RedemptionReader;
use crate::ports::store::session_keys::SessionKeyReader;
use crate::ports::store::sessions::{SessionLister, SessionReader};
use crate::ports::store::signing_keys::SigningKeyReader;
use crate::ports::store::{Store, StoreReader};
use crate::ports::tokens::{TokenIssuer, TokenVerifier};
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::rate_limits::RateLimits;

/// Ports of the use cases, with the apps and rate limits that the composition root built from others.
#[derive(Clone)]
pub struct Ports {
    /// Clock.
    pub clock: Arc<dyn Clock>,
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
    /// Issuer of access and refresh tokens.
    pub token_issuer: Arc<dyn TokenIssuer>,
    /// Verifier of access and refresh tokens.
    pub token_verifier: Arc<dyn TokenVerifier>,
    /// Keyed fingerprints.
    pub fingerprints: Arc<dyn Fingerprints>,
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
            session_lists: store.clone(),
            redemptions: store.clone(),
            session_keys: store.clone(),
            withdrawals: store.clone(),
            audit: store.clone(),
            admins: store.clone(),
            apps: store.clone(),
            signing_keys: store.clone(),
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
