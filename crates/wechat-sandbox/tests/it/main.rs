//! Integration tests of the sandbox: the WeChat API and the control API.

// Clippy then treats the helpers as test code.
#![cfg(test)]

mod config;
mod control_api;
mod faults;
mod harness;
mod log;
mod openapi;
mod phone;
mod program;
mod push;
mod security;
mod session;
mod sns;
mod token;
