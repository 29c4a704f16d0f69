//! The whole program, as its users meet it.
#![cfg(test)]

mod config;
mod doctor;
mod faults;
mod keys;
mod leaks;
mod life;
mod limits;
mod login;
mod metrics;
mod program;
mod repetition;
mod trust;
