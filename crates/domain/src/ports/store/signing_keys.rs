//! Signing keys in the store.

use crate::model::signing_key::SigningKey;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// Signing keys within a unit of work. Tokens of removed keys are rejected.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SigningKeyRepository: Send + Sync {
    /// Returns all keys in the order of their numbers.
    async fn all(&self) -> Result<Vec<SigningKey>, StoreError>;

    /// Adds a key. MUST return [`AddError::Taken`] if its number is in use, also by a concurrent unit
    /// of work.
    async fn add(&self, key: &SigningKey) -> Result<(), AddError>;

    /// Sets the time from which a key signs. MUST change nothing if an earlier time is set.
    async fn start(&self, id: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Removes a key, if it exists.
    async fn remove(&self, id: &str) -> Result<(), StoreError>;
}

/// Reads signing keys outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SigningKeyReader: Send + Sync {
    /// Returns all keys, as last committed, in the order of their numbers.
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError>;
}
