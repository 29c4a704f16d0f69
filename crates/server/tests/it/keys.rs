//! Rotation of the sealing key and of signing keys.

mod rekey;
pub(crate) mod signing_keys;
