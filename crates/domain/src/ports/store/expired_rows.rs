//! Expired rows in the store.

use crate::model::cleanup::CleanupDuty;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// Expired rows within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ExpiredRowRepository: Send + Sync {
    /// Deletes rows of a duty whose time is `until` or before, and returns their number. MUST delete at
    /// most `limit` rows, the oldest first. SHOULD find them by an index.
    async fn delete_expired(
        &self,
        duty: &CleanupDuty,
        until: Timestamp,
        limit: u64,
    ) -> Result<u64, StoreError>;
}

/// Reads the age of rows outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait ExpiredRowReader: Send + Sync {
    /// Returns the time of the oldest row of a duty, as last committed.
    async fn oldest_row(&self, duty: &CleanupDuty) -> Result<Option<Timestamp>, StoreError>;
}
