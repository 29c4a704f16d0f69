//! Contract suites of the ports, which every implementation must pass.

pub mod concurrent_logins;
pub mod interleavings;
pub mod login_sequences;
pub mod rate_limiter;
pub mod store;
pub mod store_faults;
