//! State shared through Redis: rate limits, change notifications and access tokens.

mod error_replies;
mod sentinel;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use adapters::cache::invalidation::InvalidationLog;
use adapters::cache::member_cache::MemberCache;
use adapters::rate_limiter::MemoryRateLimiter;
use adapters::redis::Redis;
use adapters::redis::access_token_cache::RedisAccessTokenCache;
use adapters::redis::change_notifier::RedisChangeNotifier;
use adapters::redis::rate_limiter::RedisRateLimiter;
use adapters::redis::url::RedisUrl;
use adapters::store::SeaStore;
use adapters::system::SystemRandom;
use adapters::wechat::access_token_cache::{AccessTokenCache, Lookup, SharedToken};
use async_trait::async_trait;
use domain::model::clock::Clock;
use domain::model::member::nickname::Nickname;
use domain::model::member::{Member, MemberId};
use domain::model::rate_limit::{LimitKey, Quota, RateLimited};
use domain::model::timestamp::Timestamp;
use domain::ports::rate_limiter::RateLimiter;
use domain::ports::store::Store;
use domain::ports::store::members::MemberReader;
use secrecy::ExposeSecret;
use testkit::databases::{FreshDatabase, Kind};
use testkit::fake::clock::FixedClock;

use crate::store::{open, sealer};

/// URL of the Redis that this environment variable names, and a unique key prefix.
fn redis(variable: &str) -> (RedisUrl, String) {
    static NEXT_PREFIX: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: run this test with `cargo xtask test -- NAME`")
    });
    let nth = NEXT_PREFIX.fetch_add(1, Ordering::Relaxed);
    (RedisUrl::parse(&url).unwrap(), format!("test-{}-{nth}", std::process::id()))
}

/// Connects with a response timeout that is long enough for a busy machine.
async fn connect(url: RedisUrl, prefix: impl Into<String>) -> Redis {
    Redis::connect_with_timeout(url, prefix, Duration::from_secs(10)).await
}

/// Limiter with the clock of the test and no fallback.
async fn limiter(variable: &str, clock: Arc<dyn Clock>) -> (Arc<dyn RateLimiter>, Redis) {
    let (url, prefix) = redis(variable);
    let redis = connect(url, prefix).await;
    let limiter = RedisRateLimiter::new(redis.clone(), Arc::new(NoFallback)).with_clock(clock);
    (Arc::new(limiter), redis)
}

/// Fallback that fails the test, because Redis must be available.
struct NoFallback;

#[async_trait]
impl RateLimiter for NoFallback {
    async fn take(&self, _key: &LimitKey, _quota: Quota) -> Result<(), RateLimited> {
        panic!("Redis is unavailable")
    }
}

/// Instance with a member cache. Instances over one database notify each other through Redis.
struct Instance {
    store: SeaStore,
    cache: MemberCache,
}

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

fn nickname(name: &str) -> Nickname {
    Nickname::parse(name).unwrap()
}

/// TTL of the member cache, longer than any test: only a notification can invalidate an entry in time.
const CACHE_TTL: Duration = Duration::from_mins(10);

/// Maximum delay of a change notification.
const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(1);

impl Instance {
    async fn start(database: &FreshDatabase, url: RedisUrl, prefix: &str) -> Self {
        let changes = Arc::new(InvalidationLog::new(CACHE_TTL));
        let redis = connect(url, prefix).await;
        let notifier = Arc::new(RedisChangeNotifier::new(redis, Arc::clone(&changes)));
        let store = Arc::into_inner(open_store(database).await).unwrap();
        let store = store.with_change_notifier(notifier);
        let reader = open_store(database).await;
        let cache = MemberCache::new(reader.clone(), reader, changes);
        Self { store, cache }
    }
}

async fn open_store(database: &FreshDatabase) -> Arc<SeaStore> {
    open(database, 2).await
}

async fn change_invalidates_other_instances_caches_within_a_second(variable: &str) {
    let (url, prefix) = redis(variable);
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let here = Instance::start(&database, url.clone(), &prefix).await;
    let there = Instance::start(&database, url, &prefix).await;
    let member =
        Member::register(MemberId::generate(NOW, &SystemRandom), nickname("Ann"), None, NOW);
    let work = here.store.begin().await.unwrap();
    work.members().add(&member).await.unwrap();
    work.commit().await.unwrap();
    for (nth, name) in ["Bea", "Cas", "Dan"].into_iter().enumerate() {
        for cache in [&here.cache, &there.cache] {
            cache.find(member.id).await.unwrap().unwrap();
        }
        let mut changed = here.store.find(member.id).await.unwrap().unwrap();
        changed.nickname = nickname(name);
        let work = here.store.begin().await.unwrap();
        work.members().update(&changed).await.unwrap();
        work.commit().await.unwrap();
        let changed_at = Instant::now();
        let cached =
            async |cache: &MemberCache| cache.find(member.id).await.unwrap().unwrap().nickname;
        assert_eq!(cached(&here.cache).await, changed.nickname, "own changes count at once");
        while cached(&there.cache).await != changed.nickname {
            // The first change may be published before the other instance has subscribed. The subscription then
            // clears the whole cache.
            let timeout = if nth == 0 { NOTIFICATION_TIMEOUT * 10 } else { NOTIFICATION_TIMEOUT };
            assert!(changed_at.elapsed() < timeout, "no notification of {name}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Access token cache of an instance with this sealing key.
async fn token_cache(url: RedisUrl, prefix: &str, seed: u8) -> RedisAccessTokenCache {
    let redis = connect(url, prefix).await;
    RedisAccessTokenCache::new(redis, Arc::new(sealer(seed)), Arc::new(FixedClock::default()))
}

fn token(text: &str) -> SharedToken {
    SharedToken { token: text.into(), expires_in: 7_200 }
}

/// Cached token, or the name of the other outcome.
fn describe(lookup: &Lookup) -> &str {
    match lookup {
        Lookup::Hit(token) => token.token.expose_secret(),
        Lookup::LockAcquired => "lock acquired",
        Lookup::Unavailable => "unavailable",
    }
}

async fn access_token_fetch_is_shared_across_instances(variable: &str) {
    let (url, prefix) = redis(variable);
    let one = token_cache(url.clone(), &prefix, 1).await;
    let other = token_cache(url.clone(), &prefix, 1).await;
    assert_eq!(describe(&one.get_or_lock("wx1", None).await), "lock acquired");
    let waiting = async {
        let lookup = other.get_or_lock("wx1", None).await;
        assert_eq!(describe(&lookup), "71_token");
    };
    let fetching = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        one.put("wx1", &token("71_token")).await;
    };
    tokio::join!(waiting, fetching);
    let Lookup::Hit(cached) = one.get_or_lock("wx1", None).await else { panic!("no token") };
    assert_eq!(cached.expires_in, 7_200);
    // A token that WeChat rejected is not returned again.
    let rejected = "71_token".into();
    assert_eq!(describe(&other.get_or_lock("wx1", Some(&rejected)).await), "lock acquired");
    other.put("wx1", &token("72_token")).await;
    assert_eq!(describe(&one.get_or_lock("wx1", Some(&rejected)).await), "72_token");
    assert_eq!(describe(&one.get_or_lock("wx2", None).await), "lock acquired");
    // An instance with another sealing key cannot read the token. The lock of an instance that died expires.
    let foreign = token_cache(url, &prefix, 9).await;
    assert_eq!(describe(&foreign.get_or_lock("wx1", None).await), "lock acquired");
    assert_eq!(describe(&foreign.get_or_lock("wx2", None).await), "lock acquired");
}

mod on_redis {
    use super::*;

    const REDIS: &str = "MENSHEN_TEST_REDIS";

    async fn fresh(clock: Arc<dyn Clock>) -> (Arc<dyn RateLimiter>, Redis) {
        limiter(REDIS, clock).await
    }

    testkit::rate_limiter_contract!(fresh);

    #[tokio::test(flavor = "multi_thread")]
    async fn change_invalidates_other_instances_caches_within_a_second() {
        super::change_invalidates_other_instances_caches_within_a_second(REDIS).await;
    }

    #[tokio::test]
    async fn access_token_fetch_is_shared_across_instances() {
        super::access_token_fetch_is_shared_across_instances(REDIS).await;
    }

    #[tokio::test]
    async fn rate_limits_use_the_clock_of_redis() {
        let (url, prefix) = redis(REDIS);
        let redis = connect(url, prefix).await;
        let limiter = RedisRateLimiter::new(redis, Arc::new(NoFallback));
        let key = LimitKey::Service("orders".into());
        let quota = Quota::new(2, 600).unwrap();
        let mut waits = 0;
        for _ in 0..6 {
            if let Err(RateLimited { retry_after }) = limiter.take(&key, quota).await {
                assert!(retry_after <= Duration::from_millis(100), "{retry_after:?}");
                tokio::time::sleep(retry_after).await;
                assert_eq!(limiter.take(&key, quota).await, Ok(()));
                waits += 1;
            }
        }
        assert!(waits > 0);
    }

    #[tokio::test]
    async fn rate_limiter_falls_back_without_waiting_if_redis_is_down() {
        // The listener is dropped, so the port is closed.
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = RedisUrl::parse(&format!("redis://{closed}")).unwrap();
        let redis = Redis::connect(url, "test").await;
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::default());
        let fallback = Arc::new(MemoryRateLimiter::new(Arc::clone(&clock)));
        let limiter = RedisRateLimiter::new(redis, fallback);
        let key = LimitKey::Service("orders".into());
        let quota = Quota::new(10, 60).unwrap();
        let mut allowed = 0;
        let started = Instant::now();
        for _ in 0..1_000 {
            allowed += u32::from(limiter.take(&key, quota).await.is_ok());
        }
        assert_eq!(allowed, 10);
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    }
}

mod on_redis_cluster {
    use super::*;

    const CLUSTER: &str = "MENSHEN_TEST_REDIS_CLUSTER";

    async fn fresh(clock: Arc<dyn Clock>) -> (Arc<dyn RateLimiter>, Redis) {
        limiter(CLUSTER, clock).await
    }

    testkit::rate_limiter_contract!(fresh);

    #[tokio::test]
    async fn access_token_fetch_is_shared_across_instances() {
        super::access_token_fetch_is_shared_across_instances(CLUSTER).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn change_invalidates_other_instances_caches_within_a_second() {
        super::change_invalidates_other_instances_caches_within_a_second(CLUSTER).await;
    }
}
