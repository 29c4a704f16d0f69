//! Message pushes in memory: seen messages and withdrawals.

use async_trait::async_trait;
use domain::model::fingerprint::Fingerprint;
use domain::model::provider::withdrawal::Withdrawal;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::pushes::PushRepository;

use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl PushRepository for MemoryUnitOfWork {
    async fn mark_seen(
        &self,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_new = !state.seen.contains_key(&fingerprint);
        state.seen.entry(fingerprint).or_insert(now);
        Ok(is_new)
    }

    async fn add(&self, withdrawal: &Withdrawal) -> Result<(), StoreError> {
        self.state().withdrawals.push(withdrawal.clone());
        Ok(())
    }

    async fn remove(&self, withdrawal: &Withdrawal) -> Result<bool, StoreError> {
        let mut state = self.state();
        let before = state.withdrawals.len();
        state.withdrawals.retain(|pending| pending.id != withdrawal.id);
        Ok(state.withdrawals.len() < before)
    }
}
