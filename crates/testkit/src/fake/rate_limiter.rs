//! Fake rate limiter without eviction.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::model::clock::Clock;
use domain::model::rate_limit::{Bucket, LimitKey, Quota, RateLimited};
use domain::ports::rate_limiter::RateLimiter;
use domain::use_cases::rate_limits::{Quotas, RateLimits};

/// Rate limiter without a bound on its memory. For tests only.
pub struct MemoryRateLimiter {
    clock: Arc<dyn Clock>,
    buckets: Mutex<HashMap<LimitKey, Bucket>>,
}

impl MemoryRateLimiter {
    /// Creates a limiter with this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, buckets: Mutex::default() }
    }

    /// Creates rate limits with these quotas and this clock.
    #[must_use]
    pub fn limits(quotas: Quotas, clock: Arc<dyn Clock>) -> Arc<RateLimits> {
        Arc::new(RateLimits { limiter: Arc::new(Self::new(clock)), quotas })
    }
}

#[async_trait]
impl RateLimiter for MemoryRateLimiter {
    async fn take(&self, key: &LimitKey, quota: Quota) -> Result<(), RateLimited> {
        let mut buckets = self.buckets.lock().unwrap();
        let taken = quota.take(buckets.get(key).copied(), self.clock.now())?;
        buckets.insert(key.clone(), taken);
        Ok(())
    }
}
