//! A Redis that is watched by a Sentinel, and goes on in another server when its own dies.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use adapters::redis::Redis;
use adapters::redis::rate_limiter::RedisRateLimiter;
use adapters::redis::url::RedisUrl;
use async_trait::async_trait;
use domain::model::rate_limit::{LimitKey, Quota, RateLimited};
use domain::ports::rate_limiter::RateLimiter;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long the other server may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server or a Sentinel; killed when dropped.
struct Server(Child);

impl Server {
    async fn start(port: u16, folder: &TempDir, arguments: &[&str]) -> Self {
        let program = std::env::var("MENSHEN_TEST_REDIS_SERVER")
            .expect("`cargo xtask test -- NAME` tells where Redis is");
        let mut command = Command::new(program);
        command.args(arguments).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        let server = Self(command.current_dir(folder.path()).spawn().unwrap());
        let begun = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "no server at {port}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whom a limiter turns to whose Redis does not answer, and how often it did.
#[derive(Default)]
struct Alone(AtomicUsize);

#[async_trait]
impl RateLimiter for Alone {
    async fn take(&self, _key: &LimitKey, _quota: Quota) -> Result<(), RateLimited> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Whether a Sentinel knows the server at this port for one that could be the next master.
async fn knows(sentinel: u16, server: u16) -> bool {
    let mut asked = tokio::net::TcpStream::connect(("127.0.0.1", sentinel)).await.unwrap();
    asked.write_all(b"SENTINEL REPLICAS main\r\n").await.unwrap();
    // It answers, and closes as well.
    asked.shutdown().await.unwrap();
    let mut told = String::new();
    asked.read_to_string(&mut told).await.unwrap();
    told.contains(&format!("127.0.0.1:{server}")) && told.contains("master-link-status\r\n$2\r\nok")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

mod on_redis {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn when_the_master_dies_the_next_one_is_found_by_way_of_its_sentinel() {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [first, second, watching] = [(); 3].map(|()| free_port());
        let volatile = ["--save", "", "--appendonly", "no"];
        let master = Server::start(first, &folders[0], &volatile).await;
        let master_port = first.to_string();
        let of_the_first = [&volatile[..], &["--replicaof", "127.0.0.1", &master_port]].concat();
        let _replica = Server::start(second, &folders[1], &of_the_first).await;
        let settings = format!(
            "sentinel monitor main 127.0.0.1 {first} 1\nsentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 2000\n"
        );
        let file = folders[2].path().join("sentinel.conf");
        fs::write(&file, settings).unwrap();
        let file = file.display().to_string();
        let _sentinel = Server::start(watching, &folders[2], &[&file, "--sentinel"]).await;

        // The second name is nobody's: one Sentinel that answers is enough.
        let nobody = free_port();
        let url = format!("redis+sentinel://127.0.0.1:{nobody},127.0.0.1:{watching}/main");
        let redis = Redis::open(RedisUrl::parse(&url).unwrap(), "test").await;
        let alone = Arc::new(Alone::default());
        let limiter = RedisRateLimiter::new(redis, alone.clone());
        let (key, quota) = (LimitKey::Service("orders".into()), Quota::new(1_000, 1_000).unwrap());
        // Whether Redis counts, and so some server of it answers.
        let counts = async || {
            let before = alone.0.load(Ordering::Relaxed);
            limiter.take(&key, quota).await.unwrap();
            alone.0.load(Ordering::Relaxed) == before
        };
        let until_it_counts = async || {
            let begun = Instant::now();
            while !counts().await {
                assert!(begun.elapsed() < PATIENCE, "no server of Redis is found");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        until_it_counts().await;
        // Before that it could call nobody.
        let begun = Instant::now();
        while !knows(watching, second).await {
            assert!(begun.elapsed() < PATIENCE, "the Sentinel knows of one server only");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(master);
        assert!(!counts().await, "nobody is left there");
        until_it_counts().await;
        for _ in 0..10 {
            assert!(counts().await, "the other server answers on");
        }
    }
}
