//! Ports: traits for everything outside of the domain.
//!
//! Adapters implement them. The documentation of each trait states what an implementation MUST do, and the
//! contract suites of `testkit` check it.

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
pub mod timer;
pub mod tokens;
