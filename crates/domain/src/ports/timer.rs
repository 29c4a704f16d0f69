//! Timer port.

use std::time::Duration;

use async_trait::async_trait;

/// Timer of background work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Timer: Send + Sync {
    /// Returns after `duration`.
    async fn sleep(&self, duration: Duration);
}
