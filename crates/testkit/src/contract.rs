//! The contracts of the ports, as suites that any implementation can be put through.

pub mod crowds;
pub mod orders;
pub mod rate_limiter;
pub mod store;
