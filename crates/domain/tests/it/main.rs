//! Use cases over fakes.
#![cfg(test)]

mod admins;
mod apps;
mod cleanup;
mod conflict;
mod erasure;
mod events;
mod harness;
mod idempotency;
mod login;
mod login_sequences;
mod profile;
mod pushes;
mod refusals;
mod session;
mod session_key;
mod signing_keys;
mod timestamps;
