//! The use cases over fakes: what a login leaves behind.
#![cfg(test)]

mod door;
mod login;
mod profile;
mod session;
mod signing_keys;
