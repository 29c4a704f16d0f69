//! Rate limiter decorator that counts rejected requests.

use std::sync::Arc;

use async_trait::async_trait;
use domain::model::rate_limit::{LimitKey, Quota, RateLimited};
use domain::ports::rate_limiter::RateLimiter;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Rate limiter with a metric of its rejections.
pub struct MeteredRateLimiter {
    limiter: Arc<dyn RateLimiter>,
    refusals: Family<[(&'static str, &'static str); 1], Counter>,
}

impl MeteredRateLimiter {
    /// Wraps a limiter and registers the metric.
    pub fn new(limiter: Arc<dyn RateLimiter>, registry: &mut Registry) -> Self {
        let refusals = Family::default();
        let help = "Requests rejected by a rate limit";
        registry.register("rate_limit_refusals", help, refusals.clone());
        Self { limiter, refusals }
    }
}

#[async_trait]
impl RateLimiter for MeteredRateLimiter {
    async fn take(&self, key: &LimitKey, quota: Quota) -> Result<(), RateLimited> {
        let outcome = self.limiter.take(key, quota).await;
        if outcome.is_err() {
            self.refusals.get_or_create(&[("limit", key.kind())]).inc();
        }
        outcome
    }
}
