//! The contract of [`domain::ports::rate_limiter`]: THE way to check a new rate limiter.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use domain::model::clock::Clock;
use domain::model::rate_limit::{LimitKey, Network, Quota, RateLimited};
use domain::model::timestamp::Timestamp;
use domain::ports::rate_limiter::RateLimiter;
use tokio::task::JoinSet;

use crate::fake::clock::FixedClock;

/// Makes a test of every case of the contract.
///
/// Takes the name of an `async fn` from an `Arc<dyn Clock>` to a pair: the limiter under test as an
/// `Arc<dyn RateLimiter>` that uses the clock and has counted nothing, and a guard that must
/// outlive the case. The crate that calls this needs tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! rate_limiter_contract {
    ($fresh:expr) => {
        $crate::rate_limiter_contract! { $fresh =>
            a_burst_passes_and_the_next_is_told_when_to_come
            refusals_take_nothing
            nobody_pays_for_another
            a_thousand_at_once_are_counted_exactly
            a_clock_set_back_keeps_nobody_out
            a_key_that_is_asked_for_is_not_forgotten_among_100_000_others
        }
    };
    ($fresh:expr => $($case:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let clock = std::sync::Arc::new($crate::fake::clock::FixedClock::default());
            let (limiter, _outlives_the_case) = $fresh(clock.clone()).await;
            $crate::contract::rate_limiter::$case(limiter, clock).await;
        }
    )* };
}

/// A limiter under test, as the cases pass it around.
type Shared = Arc<dyn RateLimiter>;

fn quota() -> Quota {
    Quota::new(10, 60).unwrap()
}

fn address(number: u32) -> LimitKey {
    LimitKey::Address(Network::of(Ipv4Addr::from_bits(number).into()))
}

/// Returns the number of allowed requests among `tries`.
async fn pass(limiter: &Shared, key: &LimitKey, tries: u32) -> u32 {
    let mut passed = 0;
    for _ in 0..tries {
        passed += u32::from(limiter.take(key, quota()).await.is_ok());
    }
    passed
}

/// Returns the number of allowed requests among concurrent ones.
async fn pass_at_once(limiter: &Shared, keys: impl Iterator<Item = LimitKey>) -> usize {
    let take = |key| {
        let limiter = Arc::clone(limiter);
        async move { limiter.take(&key, quota()).await.is_ok() }
    };
    let asked: JoinSet<_> = keys.map(take).collect();
    asked.join_all().await.into_iter().filter(|passed| *passed).count()
}

/// The burst is allowed; later requests get the time of the next allowed one, to the second.
pub async fn a_burst_passes_and_the_next_is_told_when_to_come(
    limiter: Shared,
    clock: Arc<FixedClock>,
) {
    assert_eq!(pass(&limiter, &address(1), 10).await, 10);
    let refused = limiter.take(&address(1), quota()).await;
    assert_eq!(refused, Err(RateLimited { retry_after: Duration::from_secs(1) }));
    clock.advance(Duration::from_secs(1));
    assert_eq!(pass(&limiter, &address(1), 10).await, 1);
    clock.advance(Duration::from_hours(24));
    assert_eq!(pass(&limiter, &address(1), 100).await, 10);
}

/// Asking in vain costs nothing.
pub async fn refusals_take_nothing(limiter: Shared, clock: Arc<FixedClock>) {
    assert_eq!(pass(&limiter, &address(1), 1_000).await, 10);
    clock.advance(Duration::from_secs(3));
    assert_eq!(pass(&limiter, &address(1), 1_000).await, 3);
}

/// Keys are counted separately, also keys of equal value and different kind.
pub async fn nobody_pays_for_another(limiter: Shared, _clock: Arc<FixedClock>) {
    let network = Network::of(Ipv4Addr::LOCALHOST.into());
    let services = ["orders", "Orders", "orders ", ""].map(|name| LimitKey::Service(name.into()));
    let networks =
        [LimitKey::Address(network), LimitKey::HealthCheck(network), address(2), address(3)];
    for key in services.iter().chain(&networks) {
        assert_eq!(pass(&limiter, key, 20).await, 10, "{key:?}");
    }
}

/// However many ask at this moment, none too many passes and none too few.
pub async fn a_thousand_at_once_are_counted_exactly(limiter: Shared, _clock: Arc<FixedClock>) {
    assert_eq!(pass_at_once(&limiter, (0..1_000).map(|_| address(1))).await, 10);
}

/// A clock that is set back by a day does not block requests for a day.
pub async fn a_clock_set_back_keeps_nobody_out(limiter: Shared, clock: Arc<FixedClock>) {
    assert_eq!(pass(&limiter, &address(1), 10).await, 10);
    let day_before = clock.now().unix_millis() - 86_400_000;
    clock.set(Timestamp::from_unix_millis(day_before));
    clock.advance(Duration::from_secs(1));
    assert_eq!(pass(&limiter, &address(1), 1).await, 1);
}

/// Any number of other keys does not evict the count of an active key.
pub async fn a_key_that_is_asked_for_is_not_forgotten_among_100_000_others(
    limiter: Shared,
    _clock: Arc<FixedClock>,
) {
    let mut passed = 0;
    for others in (1_000..101_000).step_by(100) {
        // Concurrently: a limiter may expire counts after a minute of real time.
        assert_eq!(pass_at_once(&limiter, (others..others + 100).map(address)).await, 100);
        passed += pass(&limiter, &address(1), 1).await;
    }
    assert_eq!(passed, 10);
}
