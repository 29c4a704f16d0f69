//! Encryption at rest, fingerprints, password hashes and the keys they use.

pub mod app_secrets;
pub(crate) mod fingerprint_key;
pub mod login_responses;
pub mod master_key;
pub mod password_hasher;
pub mod sealer;
pub mod service_keys;
pub mod session_keys;
