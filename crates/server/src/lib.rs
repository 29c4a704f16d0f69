//! The menshen program: configuration and wiring.

pub mod config;
