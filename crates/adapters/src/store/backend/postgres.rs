//! Connections to PostgreSQL.

use std::str::FromStr;
use std::sync::Arc;

use sea_orm::SqlxPostgresConnector;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{ConnectOptions, Error, Row, raw_sql};

use crate::store::backend::check_in_time;
use crate::store::transaction::ConnectionGeneration;
use crate::store::{ConnectError, OpenedDatabase, StoreConfig, pool, recently_checked};

/// Timeouts that the server enforces on an abandoned transaction and on a statement that hangs, because
/// their locks would block others.
const SERVER_TIMEOUTS: [(&str, &str); 2] =
    [("idle_in_transaction_session_timeout", "10s"), ("statement_timeout", "10s")];

/// Connects to the server.
pub(crate) async fn open(config: &StoreConfig) -> Result<OpenedDatabase, ConnectError> {
    let options = PgConnectOptions::from_str(&config.url)?.disable_statement_logging();
    let generation = Arc::new(ConnectionGeneration::default());
    let released = Arc::clone(&generation);
    let acquired = Arc::clone(&generation);
    let pool = pool(config.max_connections)
        .after_release(move |connection, metadata| {
            let is_current = released.is_current(metadata.age);
            Box::pin(async move {
                Ok(is_current && check_in_time(is_outside_any_transaction(connection)).await?)
            })
        })
        .before_acquire(move |connection, metadata| {
            let is_current = acquired.is_current(metadata.age);
            let is_checked = recently_checked(&metadata);
            Box::pin(async move {
                let check = is_outside_any_transaction(connection);
                Ok(is_current && (is_checked || check_in_time(check).await?))
            })
        })
        .connect_with(options.options(SERVER_TIMEOUTS))
        .await?;
    let connect = SqlxPostgresConnector::from_sqlx_postgres_pool;
    Ok(OpenedDatabase::shared(&pool, config, generation, connect))
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
