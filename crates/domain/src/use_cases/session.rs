//! Sessions: authentication, refresh, logout, epochs and introspection.

pub mod authenticate;
pub mod end_all;
pub mod introspect;
pub mod issue_tokens;
pub mod log_out;
pub mod refresh;
