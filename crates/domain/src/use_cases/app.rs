//! The registry of apps and its reload.

pub mod registry;
pub mod reload;
