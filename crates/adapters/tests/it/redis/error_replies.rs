//! A Redis that answers with errors, or not at all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use adapters::cache::invalidation::{Change, ChangeNotifier, InvalidationLog};
use adapters::redis::Redis;
use adapters::redis::change_notifier::RedisChangeNotifier;
use adapters::redis::rate_limiter::RedisRateLimiter;
use adapters::redis::url::RedisUrl;
use async_trait::async_trait;
use domain::model::member::MemberId;
use domain::model::rate_limit::{LimitKey, Quota, RateLimited};
use domain::ports::rate_limiter::RateLimiter;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tracing_subscriber::layer::SubscriberExt;
use uuid::Uuid;

/// Reply to a script that allows the request.
const ALLOWED: &str = ":0\r\n";

/// Server that speaks as much of the Redis protocol as the client needs.
struct FakeRedis {
    /// Reply to scripts.
    script_reply: Mutex<&'static str>,
    /// True if no command gets a reply.
    frozen: AtomicBool,
    connections: AtomicUsize,
    published: AtomicUsize,
    url: RedisUrl,
}

impl FakeRedis {
    async fn start(script_reply: &'static str) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let server = Arc::new(Self {
            script_reply: Mutex::new(script_reply),
            frozen: AtomicBool::default(),
            connections: AtomicUsize::default(),
            published: AtomicUsize::default(),
            url: RedisUrl::parse(&url).unwrap(),
        });
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::Relaxed);
                let serving = Arc::clone(&serving);
                tokio::spawn(async move { serving.serve(BufReader::new(stream)).await });
            }
        });
        server
    }

    async fn serve(&self, mut stream: BufReader<TcpStream>) {
        while let Some(command) = read_command(&mut stream).await {
            while self.frozen.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let reply = match command.as_str() {
                "PING" => "+PONG\r\n",
                "PUBLISH" => {
                    self.published.fetch_add(1, Ordering::Relaxed);
                    ":0\r\n"
                }
                "SUBSCRIBE" => "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n",
                "EVALSHA" | "EVAL" => *self.script_reply.lock().unwrap(),
                _ => "+OK\r\n",
            };
            if stream.get_mut().write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Reads a command and returns its name.
async fn read_command(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|length| *length > 0)?;
    let arguments: usize = line.trim().strip_prefix('*')?.parse().ok()?;
    let mut name = None;
    for _ in 0..arguments {
        line.clear();
        stream.read_line(&mut line).await.ok()?;
        let length: usize = line.trim().strip_prefix('$')?.parse().ok()?;
        let mut argument = vec![0; length + 2];
        stream.read_exact(&mut argument).await.ok()?;
        argument.truncate(length);
        name.get_or_insert(String::from_utf8_lossy(&argument).to_uppercase());
    }
    name
}

/// Fallback limiter that counts its calls.
#[derive(Default)]
struct CountingFallback(AtomicUsize);

#[async_trait]
impl RateLimiter for CountingFallback {
    async fn take(&self, _key: &LimitKey, _quota: Quota) -> Result<(), RateLimited> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Limiter over this server that reports whether a request was counted in Redis.
struct Limiter {
    limiter: RedisRateLimiter,
    fallback: Arc<CountingFallback>,
}

impl Limiter {
    fn new(redis: &Redis) -> Self {
        let fallback = Arc::<CountingFallback>::default();
        Self { limiter: RedisRateLimiter::new(redis.clone(), fallback.clone()), fallback }
    }

    async fn uses_redis(&self) -> bool {
        let before = self.fallback.0.load(Ordering::Relaxed);
        let quota = Quota::new(10, 10).unwrap();
        self.limiter.take(&LimitKey::Service("orders".into()), quota).await.unwrap();
        self.fallback.0.load(Ordering::Relaxed) == before
    }

    /// Waits until requests are counted in Redis, and returns the time it took.
    async fn time_until_redis_is_used(&self) -> Duration {
        let started = Instant::now();
        while !self.uses_redis().await {
            assert!(started.elapsed() < Duration::from_secs(30), "Redis is not used again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        started.elapsed()
    }
}

/// Layer that counts warnings and errors.
#[derive(Clone, Default)]
struct WarningCounter(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for WarningCounter {
    fn on_event(
        &self,
        event: &tracing::Event<'_>,
        _context: tracing_subscriber::layer::Context<'_, S>,
    ) {
        if *event.metadata().level() <= tracing::Level::WARN {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn error_replies_open_no_connections_and_are_logged_once() {
    let warnings = WarningCounter::default();
    let _logging =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(warnings.clone()));
    let server =
        FakeRedis::start("-OOM command not allowed when used memory > 'maxmemory'.\r\n").await;
    let redis = Redis::connect(server.url.clone(), "test").await;
    let notifier =
        RedisChangeNotifier::new(redis.clone(), Arc::new(InvalidationLog::new(Duration::MAX)));
    let limiter = Limiter::new(&redis);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = server.connections();
    for number in 0..600 {
        assert!(!limiter.uses_redis().await);
        if number % 100 == 0 {
            notifier.notify(&[Change::Member(MemberId(Uuid::nil()))]).await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(server.connections(), before, "no new connections");
    assert_eq!(server.published.load(Ordering::Relaxed), 6, "changes are still published");
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1, "one line for the change of state");
    *server.script_reply.lock().unwrap() = ALLOWED;
    assert!(limiter.time_until_redis_is_used().await < Duration::from_secs(2));
    for _ in 0..10 {
        assert!(limiter.uses_redis().await);
    }
}

#[tokio::test]
async fn read_only_server_is_replaced_once_a_second() {
    let server =
        FakeRedis::start("-READONLY You can't write against a read only replica.\r\n").await;
    let redis = Redis::connect(server.url.clone(), "test").await;
    let limiter = Limiter::new(&redis);
    let before = server.connections();
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2_500) {
        assert!(!limiter.uses_redis().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let replaced = server.connections() - before;
    assert!((2..=3).contains(&replaced), "{replaced} new connections");
    *server.script_reply.lock().unwrap() = ALLOWED;
    assert!(limiter.time_until_redis_is_used().await < Duration::from_secs(2));
}

#[tokio::test]
async fn frozen_server_delays_requests_briefly_and_is_used_again_after_it_continues() {
    let server = FakeRedis::start(ALLOWED).await;
    let redis = Redis::connect(server.url.clone(), "test").await;
    let limiter = Limiter::new(&redis);
    assert!(limiter.uses_redis().await);
    server.frozen.store(true, Ordering::Relaxed);
    let started = Instant::now();
    for _ in 0..100 {
        assert!(!limiter.uses_redis().await);
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.frozen.store(false, Ordering::Relaxed);
    assert!(limiter.time_until_redis_is_used().await < Duration::from_secs(5));
}
