//! The HTTP side: routes, envelope, error table, OpenAPI.
//!
//! [`service::service`] makes the whole of it over the use cases. A handler parses a request into
//! values of the domain, runs one use case and converts the outcome; no rule is decided here.

mod acceptor;
mod answer;
mod authentication;
mod body;
mod client_address;
pub mod config;
mod console;
mod detached;
pub mod drain;
mod edge;
pub mod error;
mod exchange;
mod fields;
mod form;
mod form_body;
mod framing;
mod idempotency;
mod language;
mod limit;
pub mod metrics;
mod oauth;
pub mod openapi;
mod page;
mod panic;
mod path;
mod query;
pub mod rfc3339;
pub mod routes;
pub mod served_request;
pub mod server;
pub mod service;
mod trace;
mod wiring;
