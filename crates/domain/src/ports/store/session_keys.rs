//! Users' session keys in the store.

use crate::model::identity::Subject;
use crate::model::provider::session_key::SealedSessionKey;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// The session keys within a unit of work. One belongs to an identity: it stays with it whoever the
/// member is, and goes with it.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionKeyRepository: Send + Sync {
    /// Keeps the key of a user known here. MUST replace the one before, also where another is kept at
    /// this moment elsewhere.
    async fn keep(&self, key: &SealedSessionKey) -> Result<(), StoreError>;

    /// Forgets the keys that were obtained at `then` or before.
    async fn delete_obtained_before(&self, then: Timestamp) -> Result<(), StoreError>;
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
