//! Use cases of the commands `ban`, `unban` and `admin`, over their adapters.

use std::sync::Arc;

use adapters::crypto::password_hasher::Argon2PasswordHasher;
use adapters::crypto::sealer::Sealer;
use adapters::rate_limiter::MemoryRateLimiter;
use adapters::store::SeaStore;
use adapters::system::{SystemClock, SystemRandom};
use domain::use_cases::admin::manage_admins::ManageAdmins;
use domain::use_cases::member::ban::BanMember;
use domain::use_cases::rate_limits::{Quotas, RateLimits};

use crate::wiring::event_factory;

/// Returns the management of administrator accounts.
#[must_use]
pub fn manage_admins(store: &Arc<SeaStore>, sealer: &Arc<Sealer>) -> ManageAdmins {
    ManageAdmins {
        store: store.clone(),
        admins: store.clone(),
        passwords: Arc::new(Argon2PasswordHasher::default()),
        fingerprints: sealer.clone(),
        events: event_factory(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        refusals: Arc::default(),
        // The command line needs no limits.
        limits: Arc::new(RateLimits {
            limiter: Arc::new(MemoryRateLimiter::new(Arc::new(SystemClock))),
            quotas: Quotas::default(),
        }),
    }
}

/// Returns the ban of members.
#[must_use]
pub fn ban(store: &Arc<SeaStore>) -> BanMember {
    BanMember { store: store.clone(), events: event_factory(), clock: Arc::new(SystemClock) }
}
