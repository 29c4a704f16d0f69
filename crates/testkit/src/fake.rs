//! Fakes of the ports that hold no members.

pub mod apps;
pub mod clock;
pub mod events;
pub mod fingerprints;
pub mod login_responses;
pub mod passwords;
pub mod provider;
pub mod random;
pub mod rate_limiter;
pub mod service_accounts;
pub mod session_keys;
pub mod tokens;
