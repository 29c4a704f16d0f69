//! Connections to each kind of database.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DatabaseConnection;
use sea_orm::sqlx::{Database, Error, Pool};
use tokio::time::timeout;

use crate::store::metrics::MonitoredPool;
use crate::store::transaction::{ConnectionGeneration, Reader, WriteScheduler};
use crate::store::{OpenedDatabase, StoreConfig};

pub(super) mod mysql;
pub(super) mod postgres;
pub(super) mod sqlite;

/// Time within which an open connection responds to a check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// Checks a connection within [`CHECK_TIMEOUT`]. The pool closes it after an error or `false`.
async fn check_in_time(check: impl Future<Output = Result<bool, Error>>) -> Result<bool, Error> {
    let timed_out = |elapsed| Err(io::Error::new(io::ErrorKind::TimedOut, elapsed).into());
    timeout(CHECK_TIMEOUT, check).await.unwrap_or_else(timed_out)
}

impl OpenedDatabase {
    /// Database whose units of work and reads share a pool.
    fn shared<DB: Database>(
        pool: &Pool<DB>,
        config: &StoreConfig,
        generation: Arc<ConnectionGeneration>,
        connect: fn(Pool<DB>) -> DatabaseConnection,
    ) -> Self {
        let max = config.max_connections as usize;
        let limits = config.queue_limits();
        let connection = connect(pool.clone());
        Self {
            reader: Reader::new(connection.clone(), max, limits, Arc::clone(&generation)),
            scheduler: WriteScheduler::concurrent(connection, max, limits, generation),
            pools: vec![MonitoredPool::new("all", pool)],
            purge: None,
        }
    }
}
