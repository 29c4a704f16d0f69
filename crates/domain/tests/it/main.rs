//! The use cases over fakes: what a login leaves behind.
#![cfg(test)]

mod admins;
mod apps;
mod conflict;
mod door;
mod erasure;
mod events;
mod login;
mod login_sequences;
mod profile;
mod pushes;
mod repetition;
mod session;
mod session_key;
mod signing_keys;
