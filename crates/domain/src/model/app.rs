//! Mini programs and their configuration.

pub mod name;
pub mod policy;
pub mod registered;
pub mod secret;
