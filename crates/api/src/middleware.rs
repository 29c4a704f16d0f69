//! Middleware around all handlers, and tasks that outlive their request.

pub(crate) mod canonical_path;
pub(crate) mod catch_panic;
pub(crate) mod client_address;
pub mod current_request;
pub(crate) mod detached;
pub(crate) mod framing;
pub(crate) mod rate_limit;
pub(crate) mod request_context;
pub(crate) mod request_lifecycle;
pub(crate) mod trace;
