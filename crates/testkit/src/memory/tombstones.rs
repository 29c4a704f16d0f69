//! Tombstones in memory.

use async_trait::async_trait;
use domain::model::identity::Subject;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::members::TombstoneRepository;

use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl TombstoneRepository for MemoryUnitOfWork {
    async fn add(&self, subjects: &[Subject], _now: Timestamp) -> Result<(), StoreError> {
        self.state().tombstones.extend(subjects.iter().cloned());
        Ok(())
    }

    async fn exists_any(&self, subjects: &[Subject]) -> Result<bool, StoreError> {
        let state = self.state();
        Ok(subjects.iter().any(|subject| state.tombstones.contains(subject)))
    }
}
