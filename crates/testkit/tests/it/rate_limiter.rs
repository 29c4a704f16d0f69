//! Contract suite of rate limiters, run against the fake.

use std::future::{Ready, ready};
use std::sync::Arc;

use domain::model::clock::Clock;
use domain::ports::rate_limiter::RateLimiter;
use testkit::fake::rate_limiter::MemoryRateLimiter;

fn fresh(clock: Arc<dyn Clock>) -> Ready<(Arc<dyn RateLimiter>, ())> {
    ready((Arc::new(MemoryRateLimiter::new(clock)), ()))
}

testkit::rate_limiter_contract!(fresh);

#[test]
fn rate_limiter_contract_runs_every_case() {
    let suite = include_str!("../../src/contract/rate_limiter.rs");
    let cases =
        suite.lines().filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next());
    let cases: Vec<&str> = cases.collect();
    assert!(!cases.is_empty());
    for case in cases {
        assert!(suite.contains(&format!("            {case}\n")), "{case} is not listed");
    }
}
