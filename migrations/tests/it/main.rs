//! The migrations on a database.

// `cfg(test)` is what tells clippy that the helpers beside the tests are test code too.
#[cfg(test)]
mod sqlite;
