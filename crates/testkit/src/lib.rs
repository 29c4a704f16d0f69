//! Fakes of every port, and the contract suites that both fakes and adapters must pass.
//!
//! To check a new adapter, run the suite of its port against it: see [`store_contract!`] and
//! [`store_fault_contract!`] for a store, [`rate_limiter_contract!`] for a rate limiter.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "test support reports failures by panics"
)]

pub mod contract;
#[cfg(feature = "databases")]
pub mod databases;
#[cfg(feature = "databases")]
pub mod disk_faults;
pub mod fake;
pub mod faulty_store;
pub mod interleaving;
pub mod iterations;
pub mod memory;
