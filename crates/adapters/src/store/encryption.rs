//! Encryption at rest of personal data in the database.

pub(super) mod data_keys;
pub(super) mod phones;
pub mod rekey;
pub(super) mod tombstones;
