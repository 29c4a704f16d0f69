//! The menshen program: configuration and wiring.

pub mod commands;
pub mod config;
pub mod jobs;
pub mod telemetry;
pub mod wiring;
