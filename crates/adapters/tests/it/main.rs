//! The adapters against the ports they implement.

// Tells clippy that helpers beside the tests are tests as well.
#![cfg(test)]

mod crowds;
mod login_sequences;
mod master_key;
mod rate_limiter;
mod redis;
mod store;
mod token;
mod webhook;
mod wechat;
