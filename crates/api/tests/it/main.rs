//! The HTTP side from outside: real use cases over fakes, called in process or through a socket.

// Tells clippy that helpers beside the tests are tests as well.
#![cfg(test)]

mod admins;
mod apps;
mod call;
mod callers;
mod code2session;
mod conflict;
mod console;
mod document;
mod edge;
mod failures;
mod gates;
mod health;
mod hostile;
mod house;
mod keys;
mod limit;
mod log;
mod login;
mod me;
mod metrics;
mod oauth;
mod openid;
mod own_data;
mod phone;
mod push;
mod repetition;
mod requests;
mod session;
mod session_key;
mod sockets;
mod watch;
