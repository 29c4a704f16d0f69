//! Store over a SQL database: SQLite, PostgreSQL, MySQL or MariaDB.

mod backend;
pub mod encryption;
mod entity;
mod error;
mod health;
mod insert_if_absent;
mod metrics;
#[cfg(test)]
mod query_plans;
mod repository;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::model::event::delivery::Subscriptions;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::{Store, UnitOfWork};
use prometheus_client::registry::Registry;
use sea_orm::sqlx::pool::{PoolConnectionMetadata, PoolOptions};
use sea_orm::sqlx::{self, Database};

use crate::cache::invalidation::ChangeNotifier;
use crate::crypto::sealer::Sealer;
use crate::store::backend::sqlite::purge::{Purge, read_mark};
use crate::store::backend::{mysql, postgres, sqlite};
use crate::store::encryption::data_keys::DataKeyring;
use crate::store::health::Heartbeat;
use crate::store::metrics::{
    MonitoredPool, PoolMetrics, PurgeMetrics, SessionCounters, SessionMetrics,
};
use crate::store::transaction::{
    PendingNotifications, QueueLimits, Reader, SeaUnitOfWork, WriteScheduler,
};

/// Maximum time to open a connection, or to wait for a free one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle time after which a pooled connection is checked before use.
const RECHECK_AFTER: Duration = Duration::from_secs(1);

/// Maximum number of callers that wait for a connection, with some kilobytes of memory each.
const MAX_WAITING: usize = 2_000;

/// Configuration of the store.
pub struct StoreConfig {
    /// URL of the database: `sqlite://PATH`, `postgres://…` or `mysql://…`. It may contain a password: never
    /// log it.
    ///
    /// TLS is used if the server offers it. `?sslmode=verify-full` (PostgreSQL) or
    /// `?ssl-mode=VERIFY_IDENTITY` (MySQL) requires it.
    pub url: String,
    /// Maximum number of connections, at least 1. SQLite has this number of connections that read, and one
    /// that writes.
    pub max_connections: u32,
    /// Maximum time that a caller waits for a free connection.
    pub queue_timeout: Duration,
    /// Sealer of the data keys, which encrypt personal data.
    pub sealer: Arc<Sealer>,
}

/// Store of members, identities, sessions and the service's own data in a SQL database.
pub struct SeaStore {
    scheduler: WriteScheduler,
    reader: Reader,
    pools: Arc<PoolMetrics>,
    purge: Option<Purge>,
    sessions: SessionMetrics,
    keyring: Arc<DataKeyring>,
    subscriptions: Arc<Subscriptions>,
    change_notifier: Option<Arc<dyn ChangeNotifier>>,
    heartbeat: Heartbeat,
}

/// Error of opening the database.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL has an unknown scheme.
    #[error("the database URL must begin with sqlite://, postgres:// or mysql://")]
    UnknownDatabase,
    /// Every connection to an in-memory SQLite database would have a database of its own.
    #[error("an in-memory SQLite database is not supported, use a file: sqlite://PATH")]
    InMemory,
    /// The folder of the SQLite file could not be created.
    #[error("cannot create the folder {folder} of the database file")]
    CreateFolder {
        /// Path of the folder.
        folder: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The database could not be reached or opened.
    #[error("cannot open the database")]
    Connect(#[from] sqlx::Error),
    /// An SQLite setting would not guarantee durable, consistent and erasable data.
    #[error("SQLite has {name} = {found}, but {needed} is required")]
    UnsafeSetting {
        /// Name of the setting.
        name: &'static str,
        /// Current value.
        found: String,
        /// Required value.
        needed: &'static str,
    },
}

/// Connections to an opened database.
struct OpenedDatabase {
    scheduler: WriteScheduler,
    reader: Reader,
    pools: Vec<MonitoredPool>,
    /// Purge of deleted data. The other databases reuse the space of deleted rows by themselves.
    purge: Option<Purge>,
}

impl StoreConfig {
    /// Limits of the queues in front of the connections.
    fn queue_limits(&self) -> QueueLimits {
        QueueLimits { max_waiting: MAX_WAITING, max_wait: self.queue_timeout }
    }
}

impl SeaStore {
    /// Opens the database, which must have been migrated.
    pub async fn connect(config: &StoreConfig) -> Result<Self, ConnectError> {
        let opened = match config.url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => sqlite::open(config).await?,
            Some("postgres" | "postgresql") => postgres::open(config).await?,
            Some("mysql" | "mariadb") => mysql::open(config).await?,
            Some(_) | None => return Err(ConnectError::UnknownDatabase),
        };
        let OpenedDatabase { scheduler, reader, pools, purge } = opened;
        let queues = [("write", scheduler.queue().length()), ("read", reader.queue().length())];
        Ok(Self {
            scheduler,
            reader,
            pools: Arc::new(PoolMetrics { pools, queues }),
            purge,
            sessions: SessionMetrics::default(),
            keyring: Arc::new(DataKeyring::new(Arc::clone(&config.sealer))),
            subscriptions: Arc::default(),
            change_notifier: None,
            heartbeat: Heartbeat::default(),
        })
    }

    /// Stores events for these webhook receivers. Without subscriptions, no events are stored.
    #[must_use]
    pub fn with_subscriptions(self, subscriptions: Subscriptions) -> Self {
        Self { subscriptions: Arc::new(subscriptions), ..self }
    }

    /// Notifies caches of changes to members and sessions.
    #[must_use]
    pub fn with_change_notifier(self, change_notifier: Arc<dyn ChangeNotifier>) -> Self {
        Self { change_notifier: Some(change_notifier), ..self }
    }

    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Arc::clone(&self.pools)));
        if let Some(purge) = &self.purge {
            registry.register_collector(Box::new(PurgeMetrics(purge.pending_since())));
        }
        self.sessions.register(registry);
    }

    /// Returns the time of the oldest deletion that still has to be purged, see
    /// [`purge_deleted`](Store::purge_deleted). Only an SQLite file needs a purge.
    pub async fn oldest_unpurged(&self) -> Result<Option<Timestamp>, StoreError> {
        if self.purge.is_none() {
            return Ok(None);
        }
        self.reader.run(async |reader| read_mark(reader).await).await
    }

    /// Closes every connection as soon as its unit of work has ended. Further units of work are refused.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.scheduler.close().await?;
        self.reader.close().await
    }

    /// Begins a unit of work as soon as the scheduler permits.
    async fn unit_of_work(&self) -> Result<SeaUnitOfWork, StoreError> {
        SeaUnitOfWork::begin(
            &self.scheduler,
            SessionCounters::new(self.sessions.clone()),
            PendingNotifications::new(self.change_notifier.clone()),
            Arc::clone(&self.keyring),
            Arc::clone(&self.subscriptions),
        )
        .await
    }
}

/// Options that all pools have in common.
///
/// The ping of sqlx before each use is off: it detects less than the store's own checks for PostgreSQL and
/// MySQL, and a connection to a file cannot break.
///
/// Connections are not closed because of their age or idle time. The maintenance task of sqlx decrements the
/// count of idle connections before it increments it if a connection is acquired at that moment, and then
/// loops 2⁶⁴ times.
fn pool<DB: Database>(max_connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(max_connections.max(1))
        .acquire_timeout(CONNECT_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

/// Returns true if a pooled connection needs no check before use.
///
/// A check costs every unit of work a round trip. A database server that is under load does not restart
/// unnoticed within a second.
fn recently_checked(connection: &PoolConnectionMetadata) -> bool {
    connection.idle_for < RECHECK_AFTER
}

#[async_trait]
impl Store for SeaStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        Ok(Box::new(self.unit_of_work().await?))
    }

    async fn purge_deleted(&self) -> Result<(), StoreError> {
        let Some(purge) = &self.purge else { return Ok(()) };
        purge.run(&self.scheduler, self.oldest_unpurged().await?).await
    }
}
