//! Connections to MySQL and MariaDB.

use std::str::FromStr;
use std::sync::Arc;

use sea_orm::SqlxMySqlConnector;
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sea_orm::sqlx::{ConnectOptions, Error, Executor, MySql};

use crate::store::backend::check_in_time;
use crate::store::transaction::ConnectionGeneration;
use crate::store::{ConnectError, OpenedDatabase, StoreConfig, pool, recently_checked};

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
    let generation = Arc::new(ConnectionGeneration::default());
    let released = Arc::clone(&generation);
    let acquired = Arc::clone(&generation);
    let pool = pool::<MySql>(config.max_connections)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SESSION_SETTINGS).await.map(drop) })
        })
        .after_release(move |connection, metadata| {
            let is_current = released.is_current(metadata.age);
            Box::pin(async move { Ok(is_current && check_in_time(reset(connection)).await?) })
        })
        .before_acquire(move |connection, metadata| {
            let is_current = acquired.is_current(metadata.age);
            let is_checked = recently_checked(&metadata);
            Box::pin(async move {
                Ok(is_current && (is_checked || check_in_time(reset(connection)).await?))
            })
        })
        .connect_with(options)
        .await?;
    Ok(OpenedDatabase::shared(&pool, config, generation, SqlxMySqlConnector::from_sqlx_mysql_pool))
}

/// Ends a transaction that was left open. Fails if the connection is broken.
async fn reset(connection: &mut MySqlConnection) -> Result<bool, Error> {
    connection.execute("ROLLBACK").await?;
    Ok(true)
}
