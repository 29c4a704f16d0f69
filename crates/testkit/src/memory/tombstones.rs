//! Tombstones in memory.

use async_trait::async_trait;
use domain::model::fingerprint::Fingerprint;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::members::TombstoneRepository;

use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl TombstoneRepository for MemoryUnitOfWork {
    async fn add(&self, tombstones: &[Fingerprint], _now: Timestamp) -> Result<(), StoreError> {
        self.state().tombstones.extend(tombstones);
        Ok(())
    }

    async fn exists_any(&self, tombstones: &[Fingerprint]) -> Result<bool, StoreError> {
        let state = self.state();
        Ok(tombstones.iter().any(|tombstone| state.tombstones.contains(tombstone)))
    }
}
