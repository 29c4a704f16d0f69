//! Tests of the program as a separate process, against the WeChat sandbox.
#![cfg(test)]

mod admins;
mod apps;
mod config;
mod database_faults;
mod doctor;
mod harness;
mod keys;
mod lifecycle;
mod login;
mod multi_instance;
mod naughty_strings;
mod privacy;
mod push;
mod rate_limits;
mod session_key;
mod sessions;
mod soak;
mod telemetry;
mod webhooks;
