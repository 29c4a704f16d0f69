//! Users' session keys in the store.

use crate::model::identity::Subject;
use crate::model::provider::session_key::SealedSessionKey;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// Session keys within a unit of work. A session key belongs to an identity: it moves and is removed
/// with it.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionKeyRepository: Send + Sync {
    /// Stores the session key of a known user. MUST replace the previous one, also under concurrency.
    async fn upsert(&self, key: &SealedSessionKey) -> Result<(), StoreError>;
}

/// Reads session keys outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionKeyReader: Send + Sync {
    /// Returns the stored session key of a user, as last committed.
    async fn find_session_key(
        &self,
        user: &Subject,
    ) -> Result<Option<SealedSessionKey>, StoreError>;
}
