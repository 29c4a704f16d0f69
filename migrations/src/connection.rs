//! Connection of the migrations: a single one.
//!
//! SeaORM's own `connect` writes the URL, and with it the password, into a span at TRACE level.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sea_orm_migration::sea_orm::sqlx::mysql::MySqlConnectOptions;
use sea_orm_migration::sea_orm::sqlx::pool::PoolOptions;
use sea_orm_migration::sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm_migration::sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm_migration::sea_orm::sqlx::{ConnectOptions, Database, Error};
use sea_orm_migration::sea_orm::{
    DatabaseConnection, SqlxMySqlConnector, SqlxPostgresConnector, SqlxSqliteConnector,
};

use crate::MigrationError;

/// Maximum wait for another program that writes to the SQLite file, for example one that migrates it.
const BUSY_TIMEOUT: Duration = Duration::from_mins(10);

/// Opens the database at `url`. Creates a missing SQLite file and its folder.
pub(crate) async fn open(url: &str) -> Result<DatabaseConnection, MigrationError> {
    match url.split_once(':').map(|(scheme, _)| scheme) {
        Some("sqlite") => open_sqlite(url).await,
        Some("postgres" | "postgresql") => {
            open_postgres(url).await.map_err(MigrationError::Connect)
        }
        Some("mysql" | "mariadb") => open_mysql(url).await.map_err(MigrationError::Connect),
        Some(_) | None => Err(MigrationError::UnknownDatabase),
    }
}

async fn open_sqlite(url: &str) -> Result<DatabaseConnection, MigrationError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(MigrationError::InMemory);
    }
    let options = SqliteConnectOptions::from_str(url).map_err(MigrationError::Connect)?;
    let folder = options.get_filename().parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).map_err(|source| MigrationError::Folder {
        folder: folder.display().to_string(),
        source,
    })?;
    let pool = one_connection();
    // As the store does: without temporary files, and without remnants of deleted data.
    let options = options.pragma("temp_store", "MEMORY").pragma("secure_delete", "ON");
    let options =
        options.create_if_missing(true).busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
    let pool = pool.connect_with(options).await.map_err(MigrationError::Connect)?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

async fn open_postgres(url: &str) -> Result<DatabaseConnection, Error> {
    let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
    let pool = one_connection().connect_with(options).await?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

async fn open_mysql(url: &str) -> Result<DatabaseConnection, Error> {
    let options = MySqlConnectOptions::from_str(url)?.disable_statement_logging();
    let pool = one_connection().connect_with(options).await?;
    Ok(SqlxMySqlConnector::from_sqlx_mysql_pool(pool))
}

/// Creates a pool of one connection without timeouts, because sqlx's maintenance task for them can
/// spin forever. A lost connection is not replaced: it held the migration lock.
fn one_connection<DB: Database>() -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}
