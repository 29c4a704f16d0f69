//! Forget what has outlived its purpose.

use std::sync::Arc;

use crate::ports::clock::Clock;
use crate::ports::store::{Store, StoreError};

/// The use case: to be run every minute or so, by any instance.
pub struct Housekeeping {
    /// Where everything lasting is kept.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Housekeeping {
    /// Forgets the login codes whose time is over, and the answers kept for them.
    pub async fn run(&self) -> Result<(), StoreError> {
        let work = self.store.begin().await?;
        work.redemptions().remove_expired(self.clock.now()).await?;
        work.commit().await
    }
}
