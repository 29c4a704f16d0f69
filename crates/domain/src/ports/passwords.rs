//! What becomes of administrators' passwords.

use std::error::Error;

use async_trait::async_trait;

use crate::model::admin::{AdminPassword, PasswordHash};

/// Hashes passwords, and knows them again.
///
/// An implementation
/// - MUST use a hash that is made for passwords, slow and with a salt of its own for each;
/// - MUST bound how many it works on at once, since each takes time and memory on purpose.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// The hash of a password.
    async fn hash(&self, password: &AdminPassword) -> Result<PasswordHash, HashError>;

    /// Whether the hash is this password's.
    async fn verify(
        &self,
        password: &AdminPassword,
        hash: &PasswordHash,
    ) -> Result<bool, HashError>;

    /// A hash of no password, which takes as long to verify as another: so that nobody can tell by the
    /// time whether a name is an administrator's.
    fn dummy_hash(&self) -> PasswordHash;
}

/// A password could not be hashed, or a hash is none.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashError(#[source] pub Box<dyn Error + Send + Sync>);
