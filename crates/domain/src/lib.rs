//! The rules of login and membership, and the ports they need.
//!
//! Imports run in one direction: [`model`] holds values, entities and decisions without I/O, [`ports`]
//! the traits for everything outside, [`use_cases`] one file per operation. Nothing here knows HTTP, SQL,
//! JSON, the system clock, randomness or the environment.

pub mod model;
pub mod ports;
pub mod use_cases;
