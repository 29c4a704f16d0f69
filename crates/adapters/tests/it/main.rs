//! Adapters against the ports that they implement.

// Makes clippy treat the helpers as test code.
#![cfg(test)]

mod concurrent_logins;
mod interleavings;
mod introspection;
mod login_sequences;
mod master_key;
mod rate_limiter;
mod redis;
mod store;
mod token;
mod webhook;
mod wechat;
