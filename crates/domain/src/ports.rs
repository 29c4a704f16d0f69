//! What the rules need of the world. Adapters implement these traits; each trait's documentation says
//! what an implementation MUST do, and the contract suites of `testkit` hold every one to it.

pub mod app;
pub mod event_sink;
pub mod login_seal;
pub mod passwords;
pub mod provider;
pub mod provider_stats;
pub mod pushes;
pub mod rate_limiter;
pub mod request_context;
pub mod service_accounts;
pub mod session_keys;
pub mod signing_keys;
pub mod store;
pub mod tokens;
