//! Opens MySQL or MariaDB.

use std::str::FromStr;

use sea_orm::SqlxMySqlConnector;
use sea_orm::sqlx::mysql::MySqlConnectOptions;
use sea_orm::sqlx::{ConnectOptions, Executor, MySql};

use crate::store::metrics::PoolMeter;
use crate::store::transaction::scheduler::Turns;
use crate::store::{ConnectError, Opened, StoreConfig, pool, was_tried_out};

/// What every connection begins with.
///
/// - A transaction sees what others have committed since it began, as on PostgreSQL: who is told that a
///   subject is taken must be able to read by whom.
/// - A value that does not fit is an error and not cut off.
/// - A lock is waited for as long as a statement may take on PostgreSQL.
const SESSION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
                       SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), \
                       innodb_lock_wait_timeout = 10";

/// Connects to the server.
pub(crate) async fn open(config: &StoreConfig) -> Result<Opened, ConnectError> {
    let options = MySqlConnectOptions::from_str(&config.url)?.disable_statement_logging();
    let pool = pool::<MySql>(config.max_connections)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SESSION).await.map(drop) })
        })
        // Whether a connection from the pool answers; whatever somebody left open ends with it.
        .before_acquire(|connection, metadata| {
            let tried_out = was_tried_out(&metadata);
            Box::pin(async move {
                if !tried_out {
                    connection.execute("ROLLBACK").await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await?;
    let pools = vec![PoolMeter::new("all", &pool)];
    let connection = SqlxMySqlConnector::from_sqlx_mysql_pool(pool);
    let turns = Turns::apart(config.max_connections as usize);
    Ok(Opened { writer: connection.clone(), reader: connection, turns, pools })
}
