//! What the rules need of the world. Adapters implement these traits; each trait's documentation says
//! what an implementation MUST do, and the contract suites of `testkit` hold every one to it.

pub mod apps;
pub mod clock;
pub mod fingerprints;
pub mod passwords;
pub mod provider;
pub mod provider_watch;
pub mod pushes;
pub mod random;
pub mod rate_limiter;
pub mod receiver;
pub mod redemption;
pub mod requests;
pub mod services;
pub mod session_keys;
pub mod store;
pub mod tokens;
