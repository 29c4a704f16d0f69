//! Hashing of administrators' passwords.

use std::error::Error;

use async_trait::async_trait;

use crate::model::admin::{AdminPassword, PasswordHash};

/// Hashes and verifies passwords.
///
/// An implementation
/// - MUST use a slow password hash with a salt for each password;
/// - MUST limit the number of concurrent computations, each of which takes time and memory on purpose.
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

/// Error: a password could not be hashed, or a hash is malformed.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed or verified")]
pub struct HashError(#[source] pub Box<dyn Error + Send + Sync>);
