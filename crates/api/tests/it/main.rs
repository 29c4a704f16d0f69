//! Tests of the HTTP API: real use cases over fakes, called in process or through a socket.

// Marks the helper modules as tests for clippy.
#![cfg(test)]

mod admin;
mod auth;
mod call;
mod failures;
mod harness;
mod http;
mod login;
mod member;
mod observability;
mod openapi;
mod wechat;
