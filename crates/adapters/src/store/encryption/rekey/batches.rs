//! Writes of many rows, in batches that leave room for other units of work.

use std::time::{Duration, Instant};

use domain::ports::store::error::StoreError;
use sea_orm::{DbBackend, EntityTrait, UpdateMany};
use tokio::time::sleep;

use super::write_and_commit;
use crate::store::SeaStore;

/// Number of rows that are read at a time.
pub(super) const READ_BATCH_SIZE: u64 = 500;

/// Number of rows that are written at a time to SQLite, where every commit costs a write to disk.
///
/// The other databases get one at a time: a transaction that locks several rows could deadlock with a merge
/// of two members.
const SQLITE_WRITE_BATCH_SIZE: usize = 50;

/// Maximum number of attempts of a write. The lock may be held by others for too long.
const MAX_ATTEMPTS: u32 = 5;

/// Pause between two attempts of a write.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

impl SeaStore {
    /// Executes the updates, and returns the number of rows that they have changed.
    pub(super) async fn write_in_batches<E: EntityTrait>(
        &self,
        updates: Vec<UpdateMany<E>>,
    ) -> Result<u64, StoreError> {
        let is_sqlite = self.reader.backend() == DbBackend::Sqlite;
        let write_batch_size = if is_sqlite { SQLITE_WRITE_BATCH_SIZE } else { 1 };
        let mut written = 0;
        for updates in updates.chunks(write_batch_size) {
            let started = Instant::now();
            written += self.write_with_retry(updates).await?;
            // Other units of work that had to wait get as much time as this one.
            sleep(started.elapsed()).await;
        }
        Ok(written)
    }

    async fn write_with_retry<E: EntityTrait>(
        &self,
        updates: &[UpdateMany<E>],
    ) -> Result<u64, StoreError> {
        for _ in 1..MAX_ATTEMPTS {
            if let Ok(written) = self.write(updates).await {
                return Ok(written);
            }
            sleep(RETRY_INTERVAL).await;
        }
        self.write(updates).await
    }

    async fn write<E: EntityTrait>(&self, updates: &[UpdateMany<E>]) -> Result<u64, StoreError> {
        write_and_commit(self.unit_of_work().await?, updates.to_vec()).await
    }
}
