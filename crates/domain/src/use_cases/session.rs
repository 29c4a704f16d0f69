//! Sessions: authentication, refresh, logout, introspection.

pub mod authenticate;
pub mod introspect;
pub mod log_out;
pub mod refresh;
