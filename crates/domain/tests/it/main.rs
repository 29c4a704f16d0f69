//! The use cases over fakes: what a login leaves behind.
#![cfg(test)]

mod conflict;
mod door;
mod login;
mod orders;
mod profile;
mod repetition;
mod session;
mod signing_keys;
