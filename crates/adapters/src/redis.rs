//! Redis connection for state that instances share. Redis may be slow, down or empty at any time; the service
//! then works without it and does not wait.

pub mod access_token_cache;
pub mod change_notifier;
pub mod rate_limiter;
mod refusals;
pub mod url;

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue,
    Pipeline, RedisError, RedisFuture, RedisResult, ScriptInvocation, ServerErrorKind, TlsMode,
    Value,
};
use tokio::time::{sleep, timeout};

use self::refusals::{Operation, Refusals};
use self::url::RedisUrl;

/// Default maximum response time. A slower Redis is considered down.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_millis(200);

/// Maximum time for finding the server, connecting and authenticating.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Interval between attempts to connect.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(500);

/// Redis client that reconnects by itself. Clones share the connection.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    url: RedisUrl,
    prefix: String,
    timeout: Duration,
    state: Mutex<State>,
    failures: Counter,
    connected: Gauge,
}

#[derive(Default)]
struct State {
    /// Current connection; `None` while the client reconnects.
    connection: Option<Connection>,
    /// Number of connections made so far. It distinguishes a failure of the current connection from a late
    /// failure of a connection that has already been replaced.
    generation: u64,
    /// Operations that Redis refuses.
    refusals: Refusals,
    /// True while the connection to a read-only server is being replaced.
    is_replacing: bool,
}

/// Connection to a single server or to a cluster.
#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Redis {
    /// Connects with the default response timeout, [`RESPONSE_TIMEOUT`]. All keys and channels begin with
    /// `prefix`. Returns within a second; if Redis is not available, the client keeps trying in the background.
    pub async fn connect(url: RedisUrl, prefix: impl Into<String>) -> Self {
        Self::connect_with_timeout(url, prefix, RESPONSE_TIMEOUT).await
    }

    /// Connects like [`Redis::connect`] with another response timeout.
    pub async fn connect_with_timeout(
        url: RedisUrl,
        prefix: impl Into<String>,
        timeout: Duration,
    ) -> Self {
        let redis = Self(Arc::new(Shared {
            url,
            prefix: prefix.into(),
            timeout,
            state: Mutex::default(),
            failures: Counter::default(),
            connected: Gauge::default(),
        }));
        match redis.0.connect().await {
            Ok(connection) => redis.0.set_connection(connection),
            Err(error) => {
                tracing::warn!(%error, "Redis is unavailable, reconnecting");
                redis.reconnect();
            }
        }
        redis
    }

    /// Registers the metrics of this client.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Requests to Redis that timed out or failed";
        registry.register("redis_failures", help, self.0.failures.clone());
        let help = "Connection to Redis: 1 or 0";
        registry.register("redis_connected", help, self.0.connected.clone());
    }

    /// Checks that Redis is reachable and accepts the credentials.
    ///
    /// # Errors
    /// The connection or authentication error.
    pub async fn check(url: &RedisUrl) -> Result<(), RedisError> {
        connect(url, RESPONSE_TIMEOUT).await.map(drop)
    }

    /// Full key of an entry, including the prefix of this service.
    fn key(&self, kind: &str, id: &str) -> String {
        format!("{}:{kind}:{id}", self.0.prefix)
    }

    /// Runs a command. Returns `None` if it fails, times out or was refused less than a second ago.
    async fn command<T: FromRedisValue>(&self, operation: Operation, command: &Cmd) -> Option<T> {
        let (mut connection, generation) = self.0.admit(operation)?;
        let reply = timeout(self.0.timeout, command.query_async(&mut connection)).await;
        self.check_reply(operation, reply.unwrap_or_else(|_| Err(timed_out())), generation)
    }

    /// Runs a script. Returns `None` if it fails, times out or was refused less than a second ago.
    async fn script<T: FromRedisValue>(
        &self,
        operation: Operation,
        script: &ScriptInvocation<'_>,
    ) -> Option<T> {
        let (mut connection, generation) = self.0.admit(operation)?;
        let reply = timeout(self.0.timeout, script.invoke_async(&mut connection)).await;
        self.check_reply(operation, reply.unwrap_or_else(|_| Err(timed_out())), generation)
    }

    /// Opens a separate connection for subscriptions.
    async fn pubsub(&self) -> RedisResult<PubSub> {
        timeout(CONNECT_TIMEOUT, self.0.url.pubsub()).await.unwrap_or_else(|_| Err(timed_out()))
    }

    /// Returns a successful reply. After an error of the connection, the client reconnects, because Redis may
    /// have moved to another server. After an error reply, the connection goes on and the operation pauses.
    fn check_reply<T>(
        &self,
        operation: Operation,
        reply: RedisResult<T>,
        generation: u64,
    ) -> Option<T> {
        let error = match reply {
            Ok(reply) => {
                if self.0.state().refusals.record_success(operation) {
                    tracing::info!(
                        operation = operation.name(),
                        "Redis accepts the operation again"
                    );
                }
                return Some(reply);
            }
            Err(error) => error,
        };
        self.0.failures.inc();
        if is_connection_error(&error) {
            self.drop_connection(&error, generation);
            return None;
        }
        if self.0.state().refusals.record_refusal(operation, Instant::now()) {
            let operation = operation.name();
            tracing::warn!(operation, %error, "Redis refuses the operation, retrying every second");
        }
        if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) {
            self.replace_connection(generation);
        }
        None
    }

    /// Drops the connection of this generation and reconnects in the background.
    fn drop_connection(&self, error: &RedisError, generation: u64) {
        let mut state = self.0.state();
        if state.generation != generation || state.connection.take().is_none() {
            return;
        }
        drop(state);
        self.0.connected.set(0);
        tracing::warn!(%error, "Redis is unavailable, reconnecting");
        self.reconnect();
    }

    /// Replaces the connection to a read-only server, which was the master before a failover. The refused
    /// operation is attempted once a second, and so is this.
    fn replace_connection(&self, generation: u64) {
        if mem::replace(&mut self.0.state().is_replacing, true) {
            return;
        }
        let shared = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let Some(redis) = Weak::upgrade(&shared) else { return };
            let connection = redis.connect().await;
            let mut state = redis.state();
            state.is_replacing = false;
            let is_current = state.generation == generation;
            drop(state);
            if let (Ok(connection), true) = (connection, is_current) {
                redis.set_connection(connection);
            }
        });
    }

    fn reconnect(&self) {
        let shared = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(redis) = Weak::upgrade(&shared) {
                if let Ok(connection) = redis.connect().await {
                    tracing::info!("Redis connection restored");
                    return redis.set_connection(connection);
                }
                drop(redis);
                sleep(RECONNECT_INTERVAL).await;
            }
        });
    }
}

impl Shared {
    async fn connect(&self) -> RedisResult<Connection> {
        connect(&self.url, self.timeout).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Current connection and its generation, unless the operation pauses.
    fn admit(&self, operation: Operation) -> Option<(Connection, u64)> {
        let mut state = self.state();
        let connection = state.connection.clone()?;
        let is_admitted = state.refusals.admit(operation, Instant::now());
        is_admitted.then_some((connection, state.generation))
    }

    fn set_connection(&self, connection: Connection) {
        let mut state = self.state();
        state.generation += 1;
        state.connection = Some(connection);
        self.connected.set(1);
    }
}

/// Connects and verifies that the server responds.
async fn connect(url: &RedisUrl, response_timeout: Duration) -> RedisResult<Connection> {
    let connecting = async {
        let mut connection = url.open_connection(response_timeout).await?;
        // A server that hangs still accepts connections.
        redis::cmd("PING").query_async::<()>(&mut connection).await?;
        Ok(connection)
    };
    timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or_else(|_| Err(timed_out()))
}

impl RedisUrl {
    async fn open_connection(&self, response_timeout: Duration) -> RedisResult<Connection> {
        if let Self::Cluster(servers) = self {
            let client = ClusterClient::builder(servers.clone())
                .connection_timeout(CONNECT_TIMEOUT)
                .response_timeout(response_timeout)
                .retries(2)
                .tcp_settings(url::tcp_settings())
                .build()?;
            return client.get_async_connection().await.map(Connection::Cluster);
        }
        let client = self.client().await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(response_timeout));
        client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Server)
    }

    async fn pubsub(&self) -> RedisResult<PubSub> {
        let Self::Cluster(servers) = self else {
            return self.client().await?.get_async_pubsub().await;
        };
        // Any server will do: a cluster broadcasts published messages to all its servers.
        let mut last_error = timed_out();
        for server in servers {
            match Client::open(server.clone())?.get_async_pubsub().await {
                Ok(pubsub) => return Ok(pubsub),
                Err(error) => last_error = error,
            }
        }
        Err(last_error)
    }

    /// Client of the single server or of the current Sentinel master.
    async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Standalone(server) => Client::open(server.clone()),
            Self::Sentinel { sentinels, master, server } => {
                let node = Some(node_connection_info(server));
                let role = SentinelServerType::Master;
                let mut sentinel = SentinelClient::build(sentinels.clone(), master, node, role)?;
                sentinel.async_get_client().await
            }
            Self::Cluster(_) => {
                Err((ErrorKind::InvalidClientConfig, "a cluster has no single server").into())
            }
        }
    }
}

/// Credentials and TLS mode for the servers that Sentinels name.
fn node_connection_info(server: &ConnectionInfo) -> SentinelNodeConnectionInfo {
    let node = SentinelNodeConnectionInfo::default()
        .set_tcp_settings(server.tcp_settings().clone())
        .set_redis_connection_info(server.redis_settings().clone());
    if matches!(server.addr(), ConnectionAddr::TcpTls { .. }) {
        node.set_tls_mode(TlsMode::Secure)
    } else {
        node
    }
}

/// Returns true for errors after which the connection, or the server behind it, cannot be used. All others are
/// replies of a server that works.
fn is_connection_error(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound)
}

fn timed_out() -> RedisError {
    (ErrorKind::Io, "Redis did not respond in time").into()
}

impl ConnectionLike for Connection {
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
