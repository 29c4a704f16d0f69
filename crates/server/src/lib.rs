//! The menshen program: configuration and wiring.

pub mod config;
pub mod logging;
pub mod serve;
pub mod wiring;
