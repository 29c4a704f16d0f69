//! The count of requests.

use async_trait::async_trait;

use crate::model::rate_limit::{LimitKey, Quota, RateLimited};

/// Counts requests by whose they are, by the rule of [`Quota::take`] and the time of a
/// [`Clock`](crate::model::clock::Clock).
///
/// An implementation
/// - MUST count every key by itself, and exactly, however many ask at this moment;
/// - MUST keep its memory within a bound, whatever keys come, and MUST NOT forget a key that is still
///   asked for to make room for others;
/// - MUST let pass when it cannot count: better no limit than no service.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes one request out of the key's quota, or tells when the next one is let pass.
    async fn take(&self, key: &LimitKey, quota: Quota) -> Result<(), RateLimited>;
}
