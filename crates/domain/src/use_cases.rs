//! Operations of the service, one file each.

pub mod admin;
pub mod app;
pub mod cleanup;
pub mod event;
pub mod login;
pub mod member;
pub mod provider;
pub mod rate_limits;
pub mod retry;
pub mod session;
pub mod signing_key;
