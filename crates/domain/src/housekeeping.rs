//! Forget what has outlived its purpose.

use std::sync::Arc;

use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError};
use crate::session_key::KEPT;

/// The use case: to be run every minute or so, by any instance.
pub struct Housekeeping {
    /// Where everything lasting is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Housekeeping {
    /// Forgets the login codes whose time is over, and the answers kept for them; and session keys that
    /// no login replaced for long.
    pub async fn run(&self) -> Result<(), StoreError> {
        let (work, now) = (self.store.begin().await?, self.clock.now());
        work.redemptions().remove_expired(now).await?;
        work.session_keys().remove_obtained_by(now.minus(KEPT)).await?;
        work.commit().await
    }
}
