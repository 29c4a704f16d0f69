//! Logs and traces.

pub mod logging;
pub mod traces;
