//! Signing keys in the store.

use crate::model::signing_key::SigningKey;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// The keys that sign access tokens, within a unit of work. What is not there signs nothing, and no
/// token of its is believed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SigningKeyRepository: Send + Sync {
    /// All keys, in the order of their numbers.
    async fn all(&self) -> Result<Vec<SigningKey>, StoreError>;

    /// Adds a key. MUST be [`AddError::Taken`] when there is one of this number; that includes one that
    /// is being added at this moment elsewhere.
    async fn add(&self, key: &SigningKey) -> Result<(), AddError>;

    /// Lets a key sign from a time on. MUST change nothing when it does so earlier already.
    async fn start(&self, id: &str, at: Timestamp) -> Result<(), StoreError>;

    /// Removes a key, if it is there.
    async fn remove(&self, id: &str) -> Result<(), StoreError>;
}

/// Reads the keys that sign access tokens outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SigningKeyReader: Send + Sync {
    /// All keys, as last committed, in the order of their numbers.
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError>;
}
