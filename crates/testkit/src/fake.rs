//! Fakes of all ports except the store.

pub mod apps;
pub mod clock;
pub mod events;
pub mod fingerprints;
pub mod login_responses;
pub mod passwords;
pub mod ports;
pub mod provider;
pub mod random;
pub mod rate_limiter;
pub mod service_accounts;
pub mod session_keys;
pub mod tokens;
