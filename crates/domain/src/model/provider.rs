//! Data about the identity provider and from it.

pub mod call_stats;
pub mod session_key;
pub mod withdrawal;
