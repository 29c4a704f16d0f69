//! Values, entities, policies and decisions: no I/O, no async.

pub mod admin;
pub mod app;
pub mod audit;
pub mod cleanup;
pub mod clock;
pub mod event;
pub mod fingerprint;
pub mod id;
pub mod identity;
pub mod login;
pub mod member;
pub mod provider;
pub mod random;
pub mod rate_limit;
pub mod request_id;
pub mod secret;
pub mod service_account;
pub mod session;
pub mod signing_key;
pub mod timestamp;
