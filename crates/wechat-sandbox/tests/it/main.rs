//! The offline WeChat from outside: every rule of its WeChat face, and of its control face.

// Tells clippy that helpers beside the tests are tests as well.
#![cfg(test)]

mod client;
mod config;
mod control;
mod faults;
mod log;
mod openapi;
mod phone;
mod program;
mod push;
mod security;
mod session;
mod sns;
mod token;
