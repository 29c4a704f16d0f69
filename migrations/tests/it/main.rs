//! The migrations on every database.

// `cfg(test)` is what tells clippy that the helpers beside the tests are test code too.
#![cfg(test)]

mod every_database;
mod expansion;
mod interruption;
mod schema;
mod sqlite;
