//! Failover of Redis with Sentinel.

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

/// Maximum duration of a start or a failover.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Redis server or Sentinel, killed on drop.
struct Server(Child);

impl Server {
    async fn start(port: u16, folder: &TempDir, arguments: &[&str]) -> Self {
        let program = std::env::var("MENSHEN_TEST_REDIS_SERVER").expect(
            "MENSHEN_TEST_REDIS_SERVER is not set: run this test with `cargo xtask test -- NAME`",
        );
        let mut command = Command::new(program);
        command.args(arguments).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
        let server = Self(command.current_dir(folder.path()).spawn().unwrap());
        let started = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(started.elapsed() < TIMEOUT, "no server on port {port}");
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

/// Reports whether a Sentinel lists the server on this port as a replica that can become the master.
async fn has_replica(sentinel: u16, server: u16) -> bool {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", sentinel)).await.unwrap();
    stream.write_all(b"SENTINEL REPLICAS main\r\n").await.unwrap();
    // The Sentinel replies and then closes the connection too.
    stream.shutdown().await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply.contains(&format!("127.0.0.1:{server}"))
        && reply.contains("master-link-status\r\n$2\r\nok")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

mod on_redis {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn client_follows_a_sentinel_failover() {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let [master_port, replica_port, sentinel_port] = [(); 3].map(|()| free_port());
        let volatile = ["--save", "", "--appendonly", "no"];
        let master = Server::start(master_port, &folders[0], &volatile).await;
        let master_port_text = master_port.to_string();
        let replica_options =
            [&volatile[..], &["--replicaof", "127.0.0.1", &master_port_text]].concat();
        let _replica = Server::start(replica_port, &folders[1], &replica_options).await;
        let settings = format!(
            "sentinel monitor main 127.0.0.1 {master_port} 1\nsentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 2000\n"
        );
        let file = folders[2].path().join("sentinel.conf");
        fs::write(&file, settings).unwrap();
        let file = file.display().to_string();
        let _sentinel = Server::start(sentinel_port, &folders[2], &[&file, "--sentinel"]).await;

        // No Sentinel listens on this port: a single reachable Sentinel is enough.
        let closed_port = free_port();
        let url =
            format!("redis+sentinel://127.0.0.1:{closed_port},127.0.0.1:{sentinel_port}/main");
        let redis = Redis::connect(RedisUrl::parse(&url).unwrap(), "test").await;
        let fallback = Arc::new(CountingFallback::default());
        let limiter = RedisRateLimiter::new(redis, fallback.clone());
        let key = LimitKey::Service("orders".into());
        let quota = Quota::new(1_000, 1_000).unwrap();
        // True if the limiter used Redis rather than the fallback.
        let uses_redis = async || {
            let before = fallback.0.load(Ordering::Relaxed);
            limiter.take(&key, quota).await.unwrap();
            fallback.0.load(Ordering::Relaxed) == before
        };
        let wait_for_redis = async || {
            let started = Instant::now();
            while !uses_redis().await {
                assert!(started.elapsed() < TIMEOUT, "Redis is not available");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        wait_for_redis().await;
        // Without a known replica, the Sentinel could not start a failover.
        let started = Instant::now();
        while !has_replica(sentinel_port, replica_port).await {
            assert!(started.elapsed() < TIMEOUT, "the Sentinel does not list the replica");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(master);
        assert!(!uses_redis().await, "the master is down");
        wait_for_redis().await;
        for _ in 0..10 {
            assert!(uses_redis().await, "the new master stays available");
        }
    }
}
