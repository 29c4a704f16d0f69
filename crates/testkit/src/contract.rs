//! The contracts of the ports, as suites that any implementation can be put through.

pub mod concurrent_logins;
pub mod login_sequences;
pub mod rate_limiter;
pub mod store;
