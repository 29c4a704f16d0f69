//! Fakes for all ports of the use cases.

use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::AdminSessionPolicy;
use domain::model::clock::Clock;
use domain::model::member::nickname::NicknamePrefixes;
use domain::model::provider::call_stats::CallStats;
use domain::model::session::SessionPolicy;
use domain::model::signing_key::KeyPolicy;
use domain::model::timestamp::Timestamp;
use domain::ports::app::App;
use domain::ports::provider_stats::ProviderStats;
use domain::ports::store::StoreReader;
use domain::use_cases::app::registry::AppRegistry;
use domain::use_cases::ports::{Policies, Ports, StoreReaders};
use domain::use_cases::rate_limits::Quotas;

use crate::contract::store::Backend;
use crate::fake::apps::{MemoryAppFactory, MemoryAppSeal};
use crate::fake::clock::FixedClock;
use crate::fake::events::FixedRequests;
use crate::fake::fingerprints::MemoryFingerprints;
use crate::fake::login_responses::MemorySeal;
use crate::fake::passwords::MemoryPasswords;
use crate::fake::random::FixedRandom;
use crate::fake::rate_limiter::MemoryRateLimiter;
use crate::fake::tokens::MemoryTokens;

/// Statistics of a provider that was never called.
#[derive(Debug, Default)]
pub struct NoCalls;

impl ProviderStats for NoCalls {
    fn call_stats(&self) -> CallStats {
        CallStats::new(Timestamp::from_unix_millis(0))
    }
}

/// Returns fakes for all ports, over one store and without rate limits.
///
/// A test replaces the fields it needs.
#[must_use]
pub fn ports(store: Arc<dyn Backend>, clock: Arc<dyn Clock>, apps: Vec<App>, seed: u64) -> Ports {
    let readers: Arc<dyn StoreReader> = store.clone();
    let tokens = Arc::new(MemoryTokens::new(clock.clone()));
    Ports {
        random: Arc::new(FixedRandom::seeded(seed)),
        request_context: Arc::new(FixedRequests),
        store,
        readers: StoreReaders::new(&readers),
        apps: Arc::new(AppRegistry::new(apps)),
        app_factory: Arc::new(MemoryAppFactory::default()),
        app_secret_seal: Arc::new(MemoryAppSeal),
        rate_limits: MemoryRateLimiter::limits(Quotas::default(), clock.clone()),
        refusals: Arc::default(),
        token_issuer: tokens.clone(),
        token_verifier: tokens,
        fingerprints: Arc::new(MemoryFingerprints),
        login_seal: Arc::new(MemorySeal::default()),
        password_hasher: Arc::new(MemoryPasswords),
        provider_stats: Arc::new(NoCalls),
        timer: Arc::new(FixedClock::default()),
        clock,
    }
}

/// Returns policies for tests, with these sessions.
#[must_use]
pub fn policies(sessions: SessionPolicy) -> Policies {
    let access_ttl = Duration::from_hours(2);
    Policies {
        nickname_prefixes: NicknamePrefixes::new(vec!["好柿开花".into()]).unwrap(),
        access_ttl,
        sessions,
        admin_sessions: AdminSessionPolicy {
            idle: Duration::from_mins(30),
            absolute: Duration::from_hours(12),
        },
        signing_keys: KeyPolicy {
            lifetime: Some(Duration::from_hours(720)),
            prepublish: Duration::from_hours(24),
            access_ttl,
        },
        utc_offset: 8 * 3_600_000,
        audit_retention: Some(Duration::from_hours(24)),
        webhook_receivers: vec![],
    }
}
