//! Redis, for what instances share and can do without for a while: it may be slow, down or empty at any
//! time, and is then not waited for.

pub mod access_token_cache;
pub mod change_notifier;
pub mod rate_limiter;
pub mod url;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue,
    Pipeline, RedisError, RedisFuture, RedisResult, ScriptInvocation, TlsMode, Value,
};
use tokio::time::{sleep, timeout};

use self::url::RedisUrl;

/// How long an answer may take, before Redis counts as down.
pub const ANSWER_MAX: Duration = Duration::from_millis(200);

/// How long it may take to find Redis, to connect and to sign in.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// How long to wait before the next try to connect.
const RETRY: Duration = Duration::from_millis(500);

/// A way to Redis that mends itself; clones share it.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    url: RedisUrl,
    prefix: String,
    patience: Duration,
    line: Mutex<State>,
    failures: Counter,
    connected: Gauge,
}

#[derive(Default)]
struct State {
    /// None while somebody is connecting.
    line: Option<Line>,
    /// How many there were before: what broke one that has been replaced says nothing of its successor.
    number: u64,
}

/// A connection, to one server or to all of a cluster.
#[derive(Clone)]
enum Line {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Redis {
    /// Connects, and goes on trying for as long as it takes; returns after a second at the latest. All keys
    /// and channels begin with `prefix`. An answer may take [`ANSWER_MAX`].
    pub async fn open(url: RedisUrl, prefix: impl Into<String>) -> Self {
        Self::open_patiently(url, prefix, ANSWER_MAX).await
    }

    /// The same, where an answer may take as long as `patience`.
    pub async fn open_patiently(
        url: RedisUrl,
        prefix: impl Into<String>,
        patience: Duration,
    ) -> Self {
        let (line, failures, connected) = (Mutex::default(), Counter::default(), Gauge::default());
        let prefix = prefix.into();
        let shared = Shared { url, prefix, patience, line, failures, connected };
        let redis = Self(Arc::new(shared));
        match redis.0.dial().await {
            Ok(line) => redis.0.keep(line),
            Err(error) => {
                tracing::warn!(%error, "Redis does not answer");
                redis.reconnect();
            }
        }
        redis
    }

    /// Shows operators how it goes.
    pub fn register(&self, registry: &mut Registry) {
        let help = "RequestContext to Redis that were not answered in time, or with an error";
        registry.register("redis_failures", help, self.0.failures.clone());
        let help = "Whether there is a connection to Redis";
        registry.register("redis_connected", help, self.0.connected.clone());
    }

    /// Whether Redis is there and lets this service in.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn check(url: &RedisUrl) -> Result<(), RedisError> {
        dial(url, ANSWER_MAX).await.map(drop)
    }

    /// The name of something of ours, among what others may keep there.
    fn name(&self, kind: &str, whose: &str) -> String {
        format!("{}:{kind}:{whose}", self.0.prefix)
    }

    /// The answer to a command, if there is one in time.
    async fn command<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let (mut line, number) = self.0.line()?;
        let answer = timeout(self.0.patience, command.query_async(&mut line)).await;
        self.taken(answer.unwrap_or_else(|_| Err(late())), number)
    }

    /// What a script returns, if it does so in time.
    async fn script<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Option<T> {
        let (mut line, number) = self.0.line()?;
        let answer = timeout(self.0.patience, script.invoke_async(&mut line)).await;
        self.taken(answer.unwrap_or_else(|_| Err(late())), number)
    }

    /// A connection of its own to hear messages by.
    async fn listen(&self) -> RedisResult<PubSub> {
        timeout(CONNECT_MAX, self.0.url.listen()).await.unwrap_or_else(|_| Err(late()))
    }

    /// The answer; without one the connection is given up and another one looked for, since Redis may have
    /// moved.
    fn taken<T>(&self, answer: RedisResult<T>, number: u64) -> Option<T> {
        let error = match answer {
            Ok(answer) => return Some(answer),
            Err(error) => error,
        };
        self.0.failures.inc();
        let mut state = self.0.state();
        if state.number == number && state.line.take().is_some() {
            drop(state);
            self.0.connected.set(0);
            tracing::warn!(%error, "Redis does not answer");
            self.reconnect();
        }
        None
    }

    fn reconnect(&self) {
        let shared = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(redis) = Weak::upgrade(&shared) {
                if let Ok(line) = redis.dial().await {
                    tracing::info!("Redis answers again");
                    return redis.keep(line);
                }
                drop(redis);
                sleep(RETRY).await;
            }
        });
    }
}

impl Shared {
    async fn dial(&self) -> RedisResult<Line> {
        dial(&self.url, self.patience).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> Option<(Line, u64)> {
        let state = self.state();
        state.line.clone().map(|line| (line, state.number))
    }

    fn keep(&self, line: Line) {
        let mut state = self.state();
        state.number += 1;
        state.line = Some(line);
        self.connected.set(1);
    }
}

/// A connection that answers.
async fn dial(url: &RedisUrl, patience: Duration) -> RedisResult<Line> {
    let dialled = async {
        let mut line = url.connect(patience).await?;
        // A server that hangs still lets connections in.
        redis::cmd("PING").query_async::<()>(&mut line).await?;
        Ok(line)
    };
    timeout(CONNECT_MAX, dialled).await.unwrap_or_else(|_| Err(late()))
}

impl RedisUrl {
    async fn connect(&self, patience: Duration) -> RedisResult<Line> {
        if let Self::Cluster(servers) = self {
            let client = ClusterClient::builder(servers.clone())
                .connection_timeout(CONNECT_MAX)
                .response_timeout(patience)
                .retries(2)
                .build()?;
            return client.get_async_connection().await.map(Line::Cluster);
        }
        let client = self.client().await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(patience));
        client.get_multiplexed_async_connection_with_config(&config).await.map(Line::Server)
    }

    async fn listen(&self) -> RedisResult<PubSub> {
        let Self::Cluster(servers) = self else {
            return self.client().await?.get_async_pubsub().await;
        };
        // Whatever one of them is told, all of them tell.
        let mut failed = late();
        for server in servers {
            match Client::open(server.clone())?.get_async_pubsub().await {
                Ok(listening) => return Ok(listening),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The way to the one server, where there is one.
    async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Standalone(server) => Client::open(server.clone()),
            Self::Sentinel { sentinels, master, server } => {
                let (sentinels, role) = (sentinels.clone(), SentinelServerType::Master);
                let mut sentinel =
                    SentinelClient::build(sentinels, master, Some(node(server)), role)?;
                sentinel.async_get_client().await
            }
            Self::Cluster(_) => {
                Err((ErrorKind::InvalidClientConfig, "a cluster has no one server").into())
            }
        }
    }
}

/// How Sentinels' servers are spoken to.
fn node(server: &ConnectionInfo) -> SentinelNodeConnectionInfo {
    let node = SentinelNodeConnectionInfo::default()
        .set_redis_connection_info(server.redis_settings().clone());
    if matches!(server.addr(), ConnectionAddr::TcpTls { .. }) {
        node.set_tls_mode(TlsMode::Secure)
    } else {
        node
    }
}

fn late() -> RedisError {
    (ErrorKind::Io, "no answer in time").into()
}

impl ConnectionLike for Line {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(pipeline, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}
