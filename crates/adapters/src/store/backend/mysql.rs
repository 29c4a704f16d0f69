//! Connections to MySQL and MariaDB.

use std::str::FromStr;

use sea_orm::SqlxMySqlConnector;
use sea_orm::sqlx::mysql::MySqlConnectOptions;
use sea_orm::sqlx::{ConnectOptions, Executor, MySql};

use crate::store::metrics::MonitoredPool;
use crate::store::transaction::{Reader, WriteScheduler};
use crate::store::{ConnectError, OpenedDatabase, StoreConfig, pool, recently_validated};

/// Session settings of every new connection.
///
/// - Transactions see the changes that others have committed since they began, as on PostgreSQL: after an
///   insert of a subject that is taken, the unit of work must be able to read its member.
/// - A value that does not fit is an error and is not truncated.
/// - The lock wait timeout equals the statement timeout on PostgreSQL.
const SESSION_SETTINGS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                                SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), \
                                innodb_lock_wait_timeout = 10";

/// Connects to the server.
pub(crate) async fn open(config: &StoreConfig) -> Result<OpenedDatabase, ConnectError> {
    let options = MySqlConnectOptions::from_str(&config.url)?.disable_statement_logging();
    let pool = pool::<MySql>(config.max_connections)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SESSION_SETTINGS).await.map(drop) })
        })
        // The statement fails if the connection is broken, and ends a transaction that was left open.
        .before_acquire(|connection, metadata| {
            let is_validated = recently_validated(&metadata);
            Box::pin(async move {
                if !is_validated {
                    connection.execute("ROLLBACK").await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await?;
    let pools = vec![MonitoredPool::new("all", &pool)];
    let connection = SqlxMySqlConnector::from_sqlx_mysql_pool(pool);
    let reader = Reader::new(connection.clone());
    let scheduler = WriteScheduler::concurrent(connection, config.max_connections as usize);
    Ok(OpenedDatabase { scheduler, reader, pools })
}
