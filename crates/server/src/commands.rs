//! Commands of the `menshen` program, one file each.

pub mod admin;
pub mod ban;
pub mod doctor;
pub mod healthcheck;
pub mod keys;
pub mod migrate;
pub mod rekey;
pub mod serve;
pub mod sessions;
