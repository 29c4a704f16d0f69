//! A database of any of the three kinds, without the layers that the server has over it.

use std::str::FromStr;

use anyhow::{Context, Result, bail};
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlitePool, raw_sql};

/// Most connections at once: the server's default.
const CONNECTIONS: u32 = 10;

#[derive(Clone)]
pub(crate) enum Database {
    Sqlite(SqlitePool),
    Postgres(PgPool),
    MySql(MySqlPool),
}

impl Database {
    /// Opens it as durable as the server does: what is acknowledged outlives a power cut.
    pub(crate) async fn open(url: &str) -> Result<Self> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => {
                let options = SqliteConnectOptions::from_str(url)?
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .disable_statement_logging();
                // SQLite writes through one connection only.
                let pool = PoolOptions::new().max_connections(1).test_before_acquire(false);
                Ok(Self::Sqlite(pool.connect_with(options).await?))
            }
            Some("postgres") => {
                let options = PgConnectOptions::from_str(url)?.disable_statement_logging();
                let pool = PgPoolOptions::new().max_connections(CONNECTIONS);
                let pool = pool.test_before_acquire(false).connect_with(options).await?;
                Ok(Self::Postgres(pool))
            }
            Some("mysql") => {
                let options = MySqlConnectOptions::from_str(url)?.disable_statement_logging();
                let pool = MySqlPoolOptions::new().max_connections(CONNECTIONS);
                let pool = pool.test_before_acquire(false).connect_with(options).await?;
                Ok(Self::MySql(pool))
            }
            _ => bail!("the database is none of sqlite://, postgres:// and mysql://"),
        }
    }

    /// Makes the database, where it does not come with the server.
    pub(crate) async fn create(url: &str) -> Result<()> {
        if !url.starts_with("mysql:") {
            return Ok(());
        }
        let options = MySqlConnectOptions::from_str(url)?;
        let name = options.get_database().context("the URL names no database")?.to_owned();
        let mut connection = options.database("mysql").connect().await?;
        let create = format!("CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4");
        raw_sql(AssertSqlSafe(create)).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Runs one statement of the benchmark's own.
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
