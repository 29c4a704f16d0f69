//! Connections to PostgreSQL.

use std::str::FromStr;

use sea_orm::SqlxPostgresConnector;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{ConnectOptions, Error, Row, raw_sql};

use crate::store::metrics::MonitoredPool;
use crate::store::transaction::{Reader, WriteScheduler};
use crate::store::{ConnectError, OpenedDatabase, StoreConfig, pool, recently_validated};

/// Timeouts that the server enforces on an abandoned transaction and on a statement that hangs, because
/// their locks would block others.
const SERVER_TIMEOUTS: [(&str, &str); 2] =
    [("idle_in_transaction_session_timeout", "10s"), ("statement_timeout", "10s")];

/// Connects to the server.
pub(crate) async fn open(config: &StoreConfig) -> Result<OpenedDatabase, ConnectError> {
    let options = PgConnectOptions::from_str(&config.url)?.disable_statement_logging();
    let pool = pool(config.max_connections)
        .before_acquire(|connection, metadata| {
            let is_validated = recently_validated(&metadata);
            Box::pin(
                async move { Ok(is_validated || is_outside_any_transaction(connection).await?) },
            )
        })
        .connect_with(options.options(SERVER_TIMEOUTS))
        .await?;
    let pools = vec![MonitoredPool::new("all", &pool)];
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    let reader = Reader::new(connection.clone());
    let scheduler = WriteScheduler::concurrent(connection, config.max_connections as usize);
    Ok(OpenedDatabase { scheduler, reader, pools })
}

/// Returns true if a pooled connection responds and is not inside a transaction that was left open. The pool
/// closes it otherwise.
///
/// Outside of any transaction, a statement starts its own transaction, so that both have the same time. This
/// needs the simple query protocol: the extended protocol starts the transaction when it prepares the
/// statement.
async fn is_outside_any_transaction(connection: &mut PgConnection) -> Result<bool, Error> {
    let row = raw_sql("SELECT now() = statement_timestamp()").fetch_one(connection).await?;
    row.try_get(0)
}
