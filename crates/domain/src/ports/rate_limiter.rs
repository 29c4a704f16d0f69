//! Rate limiting.

use async_trait::async_trait;

use crate::model::rate_limit::{LimitKey, Quota, RateLimited};

/// Rate limiter by key, with the rule of [`Quota::take`] and the time of a
/// [`Clock`](crate::model::clock::Clock).
///
/// An implementation
/// - MUST count every key separately and exactly under concurrency;
/// - MUST bound its memory for any keys, and MUST NOT evict an active key for that;
/// - MUST allow a request that it cannot count: availability comes before limits.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes a request from the quota of the key, or returns the time until the next allowed one.
    async fn take(&self, key: &LimitKey, quota: Quota) -> Result<(), RateLimited>;
}
