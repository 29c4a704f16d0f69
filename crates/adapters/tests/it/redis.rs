//! What is shared by way of Redis, by the contracts it must keep, and by those beside it.

mod sentinel;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use adapters::cache::invalidation::InvalidationLog;
use adapters::cache::member_cache::MemberCache;
use adapters::rate_limiter::MemoryRateLimiter;
use adapters::redis::Redis;
use adapters::redis::access_token_cache::RedisTokenShelf;
use adapters::redis::change_notifier::RedisNews;
use adapters::redis::rate_limiter::RedisRateLimiter;
use adapters::redis::url::RedisUrl;
use adapters::store::SeaStore;
use adapters::system::SystemRandom;
use adapters::wechat::access_token_cache::{Found, SharedToken, TokenShelf};
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

/// The Redis that this environment variable names, with a prefix nobody else has.
fn redis(variable: &str) -> (RedisUrl, String) {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} names no server: run this with `cargo xtask test -- NAME`")
    });
    let nth = ASKED.fetch_add(1, Ordering::Relaxed);
    (RedisUrl::parse(&url).unwrap(), format!("test-{}-{nth}", std::process::id()))
}

/// A way to a Redis that answers, if late on a busy machine.
async fn patient(url: RedisUrl, prefix: impl Into<String>) -> Redis {
    Redis::open_patiently(url, prefix, Duration::from_secs(10)).await
}

/// A limiter for tests: by their clock, with nobody to turn to.
async fn limiter(variable: &str, clock: Arc<dyn Clock>) -> (Arc<dyn RateLimiter>, Redis) {
    let (url, prefix) = redis(variable);
    let redis = patient(url, prefix).await;
    let limiter = RedisRateLimiter::new(redis.clone(), Arc::new(Nobody)).by(clock);
    (Arc::new(limiter), redis)
}

/// Whom a limiter turns to whose Redis does not answer: here that must not be.
struct Nobody;

#[async_trait]
impl RateLimiter for Nobody {
    async fn take(&self, _key: &LimitKey, _quota: Quota) -> Result<(), RateLimited> {
        panic!("Redis did not answer")
    }
}

/// Two instances over one database, which hear of each other by way of Redis.
struct Instance {
    store: SeaStore,
    cache: MemberCache,
}

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

fn nickname(name: &str) -> Nickname {
    Nickname::parse(name).unwrap()
}

/// Longer than any test: what is heard in time is heard by way of Redis.
const LIFE: Duration = Duration::from_mins(10);

/// How soon the others must have heard.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

impl Instance {
    async fn start(database: &FreshDatabase, url: RedisUrl, prefix: &str) -> Self {
        let changes = Arc::new(InvalidationLog::new(LIFE));
        let redis = patient(url, prefix).await;
        let news = Arc::new(RedisNews::new(redis, Arc::clone(&changes)));
        let store = Arc::into_inner(open_plainly(database).await).unwrap().with_change_notifier(news);
        let cache = MemberCache::new(open_plainly(database).await, changes);
        Self { store, cache }
    }
}

async fn open_plainly(database: &FreshDatabase) -> Arc<SeaStore> {
    open(database, 2).await
}

async fn what_one_instance_changes_the_other_knows_within_a_second(variable: &str) {
    let (url, prefix) = redis(variable);
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let here = Instance::start(&database, url.clone(), &prefix).await;
    let there = Instance::start(&database, url, &prefix).await;
    let member =
        Member::register(MemberId::generate(NOW, &SystemRandom), nickname("Ann"), None, NOW);
    let work = here.store.begin().await.unwrap();
    work.members().add(&member).await.unwrap();
    work.commit().await.unwrap();
    // Both have begun to listen when what one is told to forget is heard by the other.
    for (nth, name) in ["Bea", "Cas", "Dan"].into_iter().enumerate() {
        for cache in [&here.cache, &there.cache] {
            cache.find(member.id).await.unwrap().unwrap();
        }
        let mut next = here.store.find(member.id).await.unwrap().unwrap();
        next.nickname = nickname(name);
        let work = here.store.begin().await.unwrap();
        work.members().update(&next).await.unwrap();
        work.commit().await.unwrap();
        let told = Instant::now();
        let seen =
            async |cache: &MemberCache| cache.find(member.id).await.unwrap().unwrap().nickname;
        assert_eq!(seen(&here.cache).await, next.nickname, "its own change counts at once");
        while seen(&there.cache).await != next.nickname {
            // The first one may come before the other listens; then all is forgotten when it does.
            let patience = if nth == 0 { HEARD_WITHIN * 10 } else { HEARD_WITHIN };
            assert!(told.elapsed() < patience, "{name} was not heard of");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A shelf of an instance with this sealing key.
async fn shelf(url: RedisUrl, prefix: &str, seed: u8) -> RedisTokenShelf {
    let redis = patient(url, prefix).await;
    RedisTokenShelf::new(redis, Arc::new(sealer(seed)), Arc::new(FixedClock::default()))
}

fn token(text: &str) -> SharedToken {
    SharedToken { token: text.into(), expires_in: 7_200 }
}

/// The token found, in words where there is none.
fn told(found: &Found) -> &str {
    match found {
        Found::Token(token) => token.token.expose_secret(),
        Found::Turn => "it is your turn",
        Found::Nothing => "nothing",
    }
}

async fn one_instance_fetches_and_the_others_wait_for_it(variable: &str) {
    let (url, prefix) = redis(variable);
    let [one, other] = [shelf(url.clone(), &prefix, 1).await, shelf(url.clone(), &prefix, 1).await];
    assert_eq!(told(&one.find("wx1", None).await), "it is your turn");
    let waiting = async {
        let found = other.find("wx1", None).await;
        assert_eq!(told(&found), "71_token");
    };
    let fetching = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        one.leave("wx1", &token("71_token")).await;
    };
    tokio::join!(waiting, fetching);
    let Found::Token(found) = one.find("wx1", None).await else { panic!("it is gone") };
    assert_eq!(found.expires_in, 7_200);
    // One that WeChat refused is nobody's any more.
    let refused = "71_token".into();
    assert_eq!(told(&other.find("wx1", Some(&refused)).await), "it is your turn");
    other.leave("wx1", &token("72_token")).await;
    assert_eq!(told(&one.find("wx1", Some(&refused)).await), "72_token");
    assert_eq!(told(&one.find("wx2", None).await), "it is your turn");
    // Whoever has another key cannot read it, nor is kept waiting for ever by one who died.
    let stranger = shelf(url, &prefix, 9).await;
    assert_eq!(told(&stranger.find("wx1", None).await), "it is your turn");
    assert_eq!(told(&stranger.find("wx2", None).await), "it is your turn");
}

mod on_redis {
    use super::*;

    const REDIS: &str = "MENSHEN_TEST_REDIS";

    async fn fresh(clock: Arc<dyn Clock>) -> (Arc<dyn RateLimiter>, Redis) {
        limiter(REDIS, clock).await
    }

    testkit::rate_limiter_contract!(fresh);

    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_instance_changes_the_other_knows_within_a_second() {
        super::what_one_instance_changes_the_other_knows_within_a_second(REDIS).await;
    }

    #[tokio::test]
    async fn one_instance_fetches_and_the_others_wait_for_it() {
        super::one_instance_fetches_and_the_others_wait_for_it(REDIS).await;
    }

    #[tokio::test]
    async fn limits_go_by_the_clock_of_redis_and_are_kept_no_longer_than_needed() {
        let (url, prefix) = redis(REDIS);
        let redis = patient(url, prefix).await;
        let limiter = RedisRateLimiter::new(redis, Arc::new(Nobody));
        let (key, quota) = (LimitKey::Service("orders".into()), Quota::new(2, 600).unwrap());
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
    async fn without_redis_each_instance_counts_for_itself_and_nobody_waits() {
        // Where nobody listens.
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = RedisUrl::parse(&format!("redis://{nobody}")).unwrap();
        let redis = Redis::open(url, "test").await;
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::default());
        let alone = Arc::new(MemoryRateLimiter::new(Arc::clone(&clock)));
        let limiter = RedisRateLimiter::new(redis, alone);
        let (key, quota) = (LimitKey::Service("orders".into()), Quota::new(10, 60).unwrap());
        let (mut passed, begun) = (0, Instant::now());
        for _ in 0..1_000 {
            passed += u32::from(limiter.take(&key, quota).await.is_ok());
        }
        assert_eq!(passed, 10);
        assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
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
    async fn one_instance_fetches_and_the_others_wait_for_it() {
        super::one_instance_fetches_and_the_others_wait_for_it(CLUSTER).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_instance_changes_the_other_knows_within_a_second() {
        super::what_one_instance_changes_the_other_knows_within_a_second(CLUSTER).await;
    }
}
