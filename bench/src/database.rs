//! Connection pools of the three kinds of databases, without the server's layers above them.

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlitePool, raw_sql};

/// Maximum number of connections: the server's default.
const MAX_CONNECTIONS: u32 = 10;

#[derive(Clone)]
pub(crate) enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

impl Database {
    /// Opens a database with the server's durability: acknowledged data survives a power cut.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => {
                let options = SqliteConnectOptions::from_str(url)?
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .disable_statement_logging();
                // SQLite allows only one writer.
                let pool = PoolOptions::new().max_connections(1).test_before_acquire(false);
                Ok(Self::Sqlite(pool.connect_with(options).await?))
            }
            Some("postgres") => {
                let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
                let pool = PgPoolOptions::new().max_connections(MAX_CONNECTIONS);
                let pool = pool.test_before_acquire(false).connect_with(options).await?;
                Ok(Self::Postgres(pool))
            }
            Some("mysql") => {
                let options = MySqlConnectOptions::from_str(url)?.disable_statement_logging();
                let pool = MySqlPoolOptions::new().max_connections(MAX_CONNECTIONS);
                let pool = pool.test_before_acquire(false).connect_with(options).await?;
                Ok(Self::MySql(pool))
            }
            _ => bail!("the database URL must start with sqlite://, postgres:// or mysql://"),
        }
    }

    /// Creates the database on MySQL and MariaDB; other databases exist already.
    pub(crate) async fn create(url: &str) -> Result<()> {
        if !url.starts_with("mysql:") {
            return Ok(());
        }
        let options = MySqlConnectOptions::from_str(url)?;
        let name = options.get_database().context("the URL contains no database name")?.to_owned();
        let mut connection = options.database("mysql").connect().await?;
        let create = format!("CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4");
        raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Executes a statement of the benchmark.
    pub(crate) async fn execute(&self, sql: &str) -> Result<()> {
        let sql = raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(pool) => sql.execute(pool).await.map(drop)?,
            Self::Postgres(pool) => sql.execute(pool).await.map(drop)?,
            Self::MySql(pool) => sql.execute(pool).await.map(drop)?,
        }
        Ok(())
    }
}
