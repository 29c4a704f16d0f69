//! Message pushes of the provider in the store.

use crate::model::fingerprint::Fingerprint;
use crate::model::provider::withdrawal::Withdrawal;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// The provider's pushes within a unit of work: which were seen, and what is still to be obeyed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait PushRepository: Send + Sync {
    /// Notes something as seen. MUST be `false`, leaving the unit of work usable, when it was noted
    /// before; that includes one that is being noted at this moment elsewhere.
    async fn mark_seen(&self, fingerprint: Fingerprint, now: Timestamp)
    -> Result<bool, StoreError>;

    /// Forgets what was seen before `then`.
    async fn delete_seen_before(&self, then: Timestamp) -> Result<(), StoreError>;

    /// Adds a withdrawal that is to be obeyed.
    async fn add(&self, withdrawal: &Withdrawal) -> Result<(), StoreError>;

    /// Removes a withdrawal that is obeyed herewith. MUST be `false` when it is not there, however many
    /// try at this moment.
    async fn remove(&self, withdrawal: &Withdrawal) -> Result<bool, StoreError>;
}

/// Reads pending withdrawals outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait WithdrawalReader: Send + Sync {
    /// Returns the pending withdrawals, as last committed: at most `limit`, the oldest first.
    async fn withdrawals(&self, limit: u64) -> Result<Vec<Withdrawal>, StoreError>;
}
