//! HTTP API: routes, middleware, envelope, error table and OpenAPI document.
//!
//! [`service::service`] builds it from the use cases. A handler parses a request into domain values, runs
//! one use case and converts the outcome. It contains no business rules.

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
