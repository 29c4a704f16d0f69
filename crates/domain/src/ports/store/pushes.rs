//! Message pushes of the provider in the store.

use crate::model::fingerprint::Fingerprint;
use crate::model::provider::withdrawal::Withdrawal;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// Message pushes within a unit of work: seen messages and pending withdrawals.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait PushRepository: Send + Sync {
    /// Marks a message as seen. MUST return `false` and leave the unit of work usable if it was seen
    /// before, also by a concurrent unit of work.
    async fn mark_seen(&self, fingerprint: Fingerprint, now: Timestamp)
    -> Result<bool, StoreError>;

    /// Adds a pending withdrawal.
    async fn add(&self, withdrawal: &Withdrawal) -> Result<(), StoreError>;

    /// Removes a processed withdrawal. MUST return `false` if it does not exist, also under
    /// concurrency.
    async fn remove(&self, withdrawal: &Withdrawal) -> Result<bool, StoreError>;
}

/// Reads pending withdrawals outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait WithdrawalReader: Send + Sync {
    /// Returns at most `limit` pending withdrawals, as last committed, the oldest first.
    async fn withdrawals(&self, limit: u64) -> Result<Vec<Withdrawal>, StoreError>;
}
