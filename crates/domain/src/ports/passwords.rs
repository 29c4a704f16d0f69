//! Hashing of administrators' passwords.

use std::error::Error;

use async_trait::async_trait;

use crate::model::admin::{AdminPassword, PasswordHash};

/// Hashes and verifies passwords.
///
/// An implementation
/// - MUST use a slow password hash with a salt for each password;
/// - MUST limit the number of concurrent computations, each of which takes time and memory on purpose;
/// - MUST limit the number of waiting computations, and fail with [`HashError::Busy`] beyond it.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a password.
    async fn hash(&self, password: &AdminPassword) -> Result<PasswordHash, HashError>;

    /// Returns `true` if the hash belongs to the password.
    async fn verify(
        &self,
        password: &AdminPassword,
        hash: &PasswordHash,
    ) -> Result<bool, HashError>;

    /// Returns a hash that no password matches and that takes as long to verify as any other, so that
    /// response times do not reveal which names exist.
    fn dummy_hash(&self) -> PasswordHash;
}

/// Error: a password was not hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many computations are waiting.
    #[error("too many passwords are waiting to be hashed or verified")]
    Busy,
    /// The computation failed, or a hash is malformed.
    #[error("the password could not be hashed or verified")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}
