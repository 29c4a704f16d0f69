//! Contract of rate limiters for the limiter in memory.

use std::future::{Ready, ready};
use std::sync::Arc;

use adapters::rate_limiter::MemoryRateLimiter;
use domain::model::clock::Clock;
use domain::ports::rate_limiter::RateLimiter;

fn fresh(clock: Arc<dyn Clock>) -> Ready<(Arc<dyn RateLimiter>, ())> {
    ready((Arc::new(MemoryRateLimiter::new(clock)), ()))
}

testkit::rate_limiter_contract!(fresh);
