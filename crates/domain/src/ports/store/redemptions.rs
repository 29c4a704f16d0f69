//! Redeemed login codes in the store.

use crate::model::fingerprint::Fingerprint;
use crate::model::login::redemption::Redemption;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// The redeemed login codes within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RedemptionRepository: Send + Sync {
    /// Adds one, of an existing member. MUST be [`AddError::Taken`], leaving the unit of work usable,
    /// when the code was redeemed before, at this moment elsewhere included.
    async fn add(&self, redemption: &Redemption) -> Result<(), AddError>;

    /// Forgets those that expire at `now` or expired before.
    async fn delete_expired(&self, now: Timestamp) -> Result<(), StoreError>;
}

/// Reads redeemed login codes outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RedemptionReader: Send + Sync {
    /// Returns the redemption of a login code, as last committed.
    async fn find_redemption(&self, code: &Fingerprint) -> Result<Option<Redemption>, StoreError>;
}
