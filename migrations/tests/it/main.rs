//! Tests of the migrations on every database.

// With `cfg(test)`, clippy treats the helper functions as test code.
#![cfg(test)]

mod every_database;
mod expansion;
mod interruption;
mod online;
mod rows;
mod schema;
mod sqlite;
