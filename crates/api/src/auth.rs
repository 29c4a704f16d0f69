//! Authentication of callers and the roles of administrators.

pub(crate) mod admin_cookie;
pub(crate) mod authenticated;
pub(crate) mod authenticators;
pub(crate) mod credentials;
pub(crate) mod middleware;
pub(crate) mod principal;
pub(crate) mod role;
