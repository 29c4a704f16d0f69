//! Commands of the `menshen` program.

pub mod doctor;
pub mod healthcheck;
pub mod keys;
pub mod serve;
