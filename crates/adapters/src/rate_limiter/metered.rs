//! Counts what any rate limiter refuses, for operators.

use std::sync::Arc;

use async_trait::async_trait;
use domain::model::rate_limit::{LimitKey, Quota, RateLimited};
use domain::ports::rate_limiter::RateLimiter;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Another limiter, and how often it refused.
pub struct CountedRateLimiter {
    limiter: Arc<dyn RateLimiter>,
    refusals: Family<[(&'static str, &'static str); 1], Counter>,
}

impl CountedRateLimiter {
    /// Counts what this limiter refuses.
    pub fn new(limiter: Arc<dyn RateLimiter>, registry: &mut Registry) -> Self {
        let refusals = Family::default();
        let help = "RequestContext refused because too many came, by whose they were";
        registry.register("rate_limit_refusals", help, refusals.clone());
        Self { limiter, refusals }
    }
}

#[async_trait]
impl RateLimiter for CountedRateLimiter {
    async fn take(&self, key: &LimitKey, quota: Quota) -> Result<(), RateLimited> {
        let outcome = self.limiter.take(key, quota).await;
        if outcome.is_err() {
            self.refusals.get_or_create(&[("limit", key.kind())]).inc();
        }
        outcome
    }
}
