//! Redeemed login codes in the store.

use crate::model::fingerprint::Fingerprint;
use crate::model::login::redemption::Redemption;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// Redeemed login codes within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RedemptionRepository: Send + Sync {
    /// Adds the redemption of an existing member. MUST return [`AddError::Taken`] and leave the unit of
    /// work usable if the code was redeemed before, also by a concurrent unit of work.
    async fn add(&self, redemption: &Redemption) -> Result<(), AddError>;
}

/// Reads redeemed login codes outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RedemptionReader: Send + Sync {
    /// Returns the redemption of a login code, as last committed.
    async fn find_redemption(&self, code: &Fingerprint) -> Result<Option<Redemption>, StoreError>;
}
