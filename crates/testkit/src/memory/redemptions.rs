//! Redeemed login codes in memory.

use async_trait::async_trait;
use domain::model::login::redemption::Redemption;
use domain::ports::store::error::AddError;
use domain::ports::store::redemptions::RedemptionRepository;

use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl RedemptionRepository for MemoryUnitOfWork {
    async fn add(&self, redemption: &Redemption) -> Result<(), AddError> {
        let mut state = self.state();
        if state.redemptions.contains_key(&redemption.code) {
            return Err(AddError::Taken);
        }
        state.require_member(redemption.member)?;
        state.redemptions.insert(redemption.code, redemption.clone());
        Ok(())
    }
}
