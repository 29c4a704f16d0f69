//! Sessions: authentication, refresh, logout and introspection.

pub mod authenticate;
pub mod introspect;
pub mod issue_tokens;
pub mod log_out;
pub mod refresh;
