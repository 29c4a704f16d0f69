//! Connections to SQLite: one that writes and several that read, with durable commits.

mod page;
pub(in crate::store) mod purge;
mod wal;

use std::future::ready;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::SqlxSqliteConnector;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous,
};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqlitePool, raw_sql};

use crate::store::backend::sqlite::purge::Purge;
use crate::store::metrics::MonitoredPool;
use crate::store::transaction::{ConnectionGeneration, Reader, WriteScheduler};
use crate::store::{ConnectError, OpenedDatabase, StoreConfig, pool};

/// Pragma values that every connection must have.
///
/// `synchronous` 2 is FULL: with less, a power failure loses acknowledged logins. Without `secure_delete`,
/// deleted data remains in the file until the space is reused. `temp_store` 2 is MEMORY: savepoints and
/// sorting need no folder for temporary files, which a container may not have.
const REQUIRED_PRAGMAS: [(&str, &str); 6] = [
    ("journal_mode", "wal"),
    ("synchronous", "2"),
    ("foreign_keys", "1"),
    ("busy_timeout", "5000"),
    ("secure_delete", "1"),
    ("temp_store", "2"),
];

/// Minimum version of SQLite. Older versions can corrupt a database when its write-ahead log is reset.
const MIN_VERSION: [u32; 3] = [3, 51, 3];
const MIN_VERSION_TEXT: &str = "3.51.3 or newer";

/// Opens the database file. Creates the file and its folder if they are missing.
pub(crate) async fn open(config: &StoreConfig) -> Result<OpenedDatabase, ConnectError> {
    let Pools { writer, reader, generation } = connect(config).await?;
    let limits = config.queue_limits();
    let pools = vec![MonitoredPool::new("writer", &writer), MonitoredPool::new("reader", &reader)];
    let purge = Purge::new(options(&config.url)?);
    let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
    let reader = SqlxSqliteConnector::from_sqlx_sqlite_pool(reader);
    let max_readers = config.max_connections as usize;
    Ok(OpenedDatabase {
        scheduler: WriteScheduler::group_commit(writer, limits, generation),
        reader: Reader::new(reader, max_readers, limits, Arc::default()),
        pools,
        purge: Some(purge),
    })
}

struct Pools {
    writer: SqlitePool,
    reader: SqlitePool,
    /// Generation of the connection that writes.
    generation: Arc<ConnectionGeneration>,
}

async fn connect(config: &StoreConfig) -> Result<Pools, ConnectError> {
    let options = options(&config.url)?;
    let folder = options.get_filename().parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).map_err(|source| ConnectError::CreateFolder {
        folder: folder.display().to_string(),
        source,
    })?;

    // SQLite permits one write at a time. With one connection for it, writers queue up in order. With
    // several, they would retry again and again, and unlucky ones would fail.
    let generation = Arc::new(ConnectionGeneration::default());
    let acquired = Arc::clone(&generation);
    let writer = pool(1).before_acquire(move |connection: &mut SqliteConnection, metadata| {
        // After a failed commit or rollback, sqlx considers the connection inside a transaction.
        let is_clean = acquired.is_current(metadata.age) && !connection.is_in_transaction();
        Box::pin(ready(Ok(is_clean)))
    });
    let writer = writer.connect_with(options.clone().create_if_missing(true)).await?;
    let reader = pool(config.max_connections);
    let reader = reader.connect_with(options.pragma("query_only", "ON")).await?;
    check_pragmas(&writer).await?;
    check_pragmas(&reader).await?;
    Ok(Pools { writer, reader, generation })
}

fn options(url: &str) -> Result<SqliteConnectOptions, ConnectError> {
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(ConnectError::InMemory);
    }
    Ok(SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging())
}

/// Reads the pragmas back: SQLite silently ignores a setting that it does not accept.
async fn check_pragmas(pool: &SqlitePool) -> Result<(), ConnectError> {
    let mut connection = pool.acquire().await?;
    for (name, needed) in REQUIRED_PRAGMAS {
        let pragma = AssertSqlSafe(format!("PRAGMA {name}"));
        let row = raw_sql(pragma).fetch_one(&mut *connection).await?;
        let found: String = row.try_get_unchecked(0)?;
        if found != needed {
            return Err(ConnectError::UnsafeSetting { name, found, needed });
        }
    }
    let row = raw_sql("SELECT sqlite_version()").fetch_one(&mut *connection).await?;
    let found: String = row.try_get(0)?;
    if version(&found) < Some(MIN_VERSION) {
        let needed = MIN_VERSION_TEXT;
        return Err(ConnectError::UnsafeSetting { name: "sqlite_version", found, needed });
    }
    let modules = "SELECT COUNT(*) FROM pragma_module_list WHERE name = 'sqlite_dbpage'";
    let row = raw_sql(modules).fetch_one(&mut *connection).await?;
    let found: i64 = row.try_get(0)?;
    if found == 0 {
        let found = "absent".to_owned();
        let name = "sqlite_dbpage";
        return Err(ConnectError::UnsafeSetting { name, found, needed: "present" });
    }
    Ok(())
}

fn version(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::master_key::MasterKey;
    use crate::crypto::sealer::{Sealer, SealingKey};

    fn sealer() -> Arc<Sealer> {
        let key = MasterKey::from_base64("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=").unwrap();
        Arc::new(Sealer::new(SealingKey::new(&key)))
    }

    fn config(folder: &Path) -> StoreConfig {
        let url = format!("sqlite://{}", folder.join("a/b/menshen.db").display());
        let queue_timeout = Duration::from_secs(30);
        StoreConfig { url, max_connections: 2, queue_timeout, sealer: sealer() }
    }

    #[tokio::test]
    async fn missing_folder_is_created_and_pragmas_are_set() {
        let folder = tempfile::tempdir().unwrap();
        let pools = connect(&config(folder.path())).await.unwrap();
        check_pragmas(&pools.writer).await.unwrap();
        check_pragmas(&pools.reader).await.unwrap();
    }

    #[tokio::test]
    async fn connection_with_an_unsafe_pragma_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let good = options(&config(folder.path()).url).unwrap().create_if_missing(true);
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for (options, pragma) in [
            (good.clone().journal_mode(SqliteJournalMode::Delete), "journal_mode"),
            (good.clone().synchronous(SqliteSynchronous::Normal), "synchronous"),
            (good.clone().foreign_keys(false), "foreign_keys"),
            (good.clone().busy_timeout(Duration::ZERO), "busy_timeout"),
            (good.clone().pragma("secure_delete", "FAST"), "secure_delete"),
            (good.clone().pragma("temp_store", "DEFAULT"), "temp_store"),
        ] {
            let pool = pool(1).connect_with(options).await.unwrap();
            let error = check_pragmas(&pool).await.unwrap_err();
            assert!(
                matches!(&error, ConnectError::UnsafeSetting { name, .. } if *name == pragma),
                "{error}"
            );
            pool.close().await;
        }
    }

    #[tokio::test]
    async fn reader_connections_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let pools = connect(&config(folder.path())).await.unwrap();
        let create = "CREATE TABLE IF NOT EXISTS a (b integer)";
        raw_sql(create).execute(&pools.writer).await.unwrap();
        raw_sql(create).execute(&pools.reader).await.unwrap_err();
    }

    #[test]
    fn versions_are_compared_numerically() {
        for supported in ["3.51.3", "3.51.10", "3.100.0", "4.0.0"] {
            assert!(version(supported) >= Some(MIN_VERSION), "{supported}");
        }
        for unsupported in ["3.51.2", "3.9.99", "3.40.1", "2.99.99", "", "3.51", "new"] {
            assert!(version(unsupported) < Some(MIN_VERSION), "{unsupported}");
        }
    }
}
