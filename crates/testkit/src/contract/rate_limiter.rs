//! Contract suite of [`domain::ports::rate_limiter`]. Every rate limiter must pass it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use domain::model::clock::Clock;
use domain::model::rate_limit::{LimitKey, Network, Quota, RateLimited};
use domain::model::timestamp::Timestamp;
use domain::ports::rate_limiter::RateLimiter;
use tokio::task::JoinSet;

use crate::fake::clock::FixedClock;

/// Generates a test of each case of the contract.
///
/// The argument is the name of an `async fn` that takes an `Arc<dyn Clock>` and returns a pair: the limiter
/// under test as an `Arc<dyn RateLimiter>` that uses the clock and has counted nothing, and a guard that
/// must outlive the case. The calling crate needs tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! rate_limiter_contract {
    ($fresh:expr) => {
        $crate::rate_limiter_contract! { $fresh =>
            burst_is_accepted_and_refusals_state_the_retry_time
            refused_requests_take_no_quota
            rate_limit_keys_are_counted_separately
            concurrent_requests_are_counted_exactly
            clock_set_back_blocks_no_requests
            active_key_is_not_evicted_by_100_000_others
        }
    };
    ($fresh:expr => $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let clock = std::sync::Arc::new($crate::fake::clock::FixedClock::default());
            let (limiter, _guard) = $fresh(clock.clone()).await;
            $crate::contract::rate_limiter::$case(limiter, clock).await;
        }
    )* };
}

/// Limiter under test.
type Shared = Arc<dyn RateLimiter>;

fn quota() -> Quota {
    Quota::new(10, 60).unwrap()
}

fn address(number: u32) -> LimitKey {
    LimitKey::Address(Network::of(Ipv4Addr::from_bits(number).into()))
}

/// Returns the number of accepted requests among `tries`.
async fn accepted(limiter: &Shared, key: &LimitKey, tries: u32) -> u32 {
    let mut accepted = 0;
    for _ in 0..tries {
        accepted += u32::from(limiter.take(key, quota()).await.is_ok());
    }
    accepted
}

/// Returns the number of accepted requests among concurrent ones.
async fn accepted_concurrently(limiter: &Shared, keys: impl Iterator<Item = LimitKey>) -> usize {
    let take = |key| {
        let limiter = Arc::clone(limiter);
        async move { limiter.take(&key, quota()).await.is_ok() }
    };
    let requests: JoinSet<_> = keys.map(take).collect();
    requests.join_all().await.into_iter().filter(|is_accepted| *is_accepted).count()
}

/// The burst is accepted; refusals state the time until the next accepted request, to the second.
pub async fn burst_is_accepted_and_refusals_state_the_retry_time(
    limiter: Shared,
    clock: Arc<FixedClock>,
) {
    assert_eq!(accepted(&limiter, &address(1), 10).await, 10);
    let refused = limiter.take(&address(1), quota()).await;
    assert_eq!(refused, Err(RateLimited { retry_after: Duration::from_secs(1) }));
    clock.advance(Duration::from_secs(1));
    assert_eq!(accepted(&limiter, &address(1), 10).await, 1);
    clock.advance(Duration::from_hours(24));
    assert_eq!(accepted(&limiter, &address(1), 100).await, 10);
}

/// Refused requests do not delay the refill.
pub async fn refused_requests_take_no_quota(limiter: Shared, clock: Arc<FixedClock>) {
    assert_eq!(accepted(&limiter, &address(1), 1_000).await, 10);
    clock.advance(Duration::from_secs(3));
    assert_eq!(accepted(&limiter, &address(1), 1_000).await, 3);
}

/// Keys are counted separately, also keys of equal value and different kind.
pub async fn rate_limit_keys_are_counted_separately(limiter: Shared, _clock: Arc<FixedClock>) {
    let network = Network::of(Ipv4Addr::LOCALHOST.into());
    let services = ["orders", "Orders", "orders ", ""].map(|name| LimitKey::Service(name.into()));
    let networks =
        [LimitKey::Address(network), LimitKey::HealthCheck(network), address(2), address(3)];
    for key in services.iter().chain(&networks) {
        assert_eq!(accepted(&limiter, key, 20).await, 10, "{key:?}");
    }
}

/// The quota is exact under a thousand concurrent requests.
pub async fn concurrent_requests_are_counted_exactly(limiter: Shared, _clock: Arc<FixedClock>) {
    assert_eq!(accepted_concurrently(&limiter, (0..1_000).map(|_| address(1))).await, 10);
}

/// A clock that is set back by a day does not block requests for a day.
pub async fn clock_set_back_blocks_no_requests(limiter: Shared, clock: Arc<FixedClock>) {
    assert_eq!(accepted(&limiter, &address(1), 10).await, 10);
    let day_before = clock.now().unix_millis() - 86_400_000;
    clock.set(Timestamp::from_unix_millis(day_before));
    clock.advance(Duration::from_secs(1));
    assert_eq!(accepted(&limiter, &address(1), 1).await, 1);
}

/// Any number of other keys does not evict the count of an active key.
pub async fn active_key_is_not_evicted_by_100_000_others(limiter: Shared, _clock: Arc<FixedClock>) {
    let mut total = 0;
    for others in (1_000..101_000).step_by(100) {
        // Concurrently: a limiter may expire counts after a minute of real time.
        assert_eq!(accepted_concurrently(&limiter, (others..others + 100).map(address)).await, 100);
        total += accepted(&limiter, &address(1), 1).await;
    }
    assert_eq!(total, 10);
}
