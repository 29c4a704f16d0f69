//! The HTTP side: routes, envelope, error table, OpenAPI.
//!
//! [`service::service`] makes the whole of it over the use cases. A handler parses a request into
//! values of the domain, runs one use case and converts the outcome; no rule is decided here.

mod auth;
pub mod config;
mod console;
pub mod error;
pub mod metrics;
pub mod middleware;
pub mod openapi;
pub(crate) mod request;
pub(crate) mod response;
pub mod rfc3339;
pub mod routes;
pub mod server;
pub mod service;
