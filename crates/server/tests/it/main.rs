//! The whole program, as its users meet it.
#![cfg(test)]

mod admins;
mod apps;
mod balancer;
mod collector;
mod config;
mod doctor;
mod erasure;
mod faults;
mod keys;
mod leaks;
mod life;
mod limits;
mod login;
mod metrics;
mod naughty;
mod nginx;
mod program;
mod push;
mod redis;
mod rekey;
mod repetition;
mod session_key;
mod soak;
mod traces;
mod webhooks;
