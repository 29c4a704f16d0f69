//! What pushes leave.

use async_trait::async_trait;
use domain::ports::store::{PushRepository, StoreError};
use domain::redemption::Fingerprint;
use domain::timestamp::Timestamp;
use domain::withdrawal::Withdrawal;

use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl PushRepository for MemoryUnitOfWork {
    async fn see(&self, fingerprint: Fingerprint, now: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state();
        let new = !state.seen.contains_key(&fingerprint);
        state.seen.entry(fingerprint).or_insert(now);
        Ok(new)
    }

    async fn forget_seen(&self, then: Timestamp) -> Result<(), StoreError> {
        self.state().seen.retain(|_, seen_at| *seen_at >= then);
        Ok(())
    }

    async fn add(&self, withdrawal: &Withdrawal) -> Result<(), StoreError> {
        self.state().withdrawals.push(withdrawal.clone());
        Ok(())
    }

    async fn remove(&self, withdrawal: &Withdrawal) -> Result<bool, StoreError> {
        let mut state = self.state();
        let before = state.withdrawals.len();
        state.withdrawals.retain(|kept| kept.id != withdrawal.id);
        Ok(state.withdrawals.len() < before)
    }
}
