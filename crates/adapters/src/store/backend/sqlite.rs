//! Opens SQLite: one connection that writes, several that read, and nothing acknowledged is ever lost.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{AssertSqlSafe, ConnectOptions, Row, SqlitePool, raw_sql};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqlxSqliteConnector, Statement,
};

use crate::store::metrics::PoolMeter;
use crate::store::transaction::scheduler::Turns;
use crate::store::{ConnectError, Opened, StoreConfig, pool};

/// What SQLite must say of every connection.
///
/// `synchronous` 2 is FULL: with less, a power cut takes acknowledged logins with it. Versions before
/// 3.51.3 can corrupt a database when its write-ahead log is reset. Without `secure_delete`, what was
/// removed stays in the file until something else needs the room.
const NEEDED: [(&str, &str); 5] = [
    ("journal_mode", "wal"),
    ("synchronous", "2"),
    ("foreign_keys", "1"),
    ("busy_timeout", "5000"),
    ("secure_delete", "1"),
];
const OLDEST: (&str, [u32; 3]) = ("3.51.3 or newer", [3, 51, 3]);

/// Opens the file, which is made if need be, and its folder.
pub(crate) async fn open(config: &StoreConfig) -> Result<Opened, ConnectError> {
    let options = options(&config.url)?;
    let folder = options.get_filename().parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)
        .map_err(|source| ConnectError::CreateFolder { folder: folder.display().to_string(), source })?;

    // SQLite lets one write at a time. With one connection for it, writers queue up in order; with
    // several they would try again and again, and the unlucky fail. It stays open for good.
    let writer = pool(1).idle_timeout(None).max_lifetime(None);
    let writer = writer.connect_with(options.clone().create_if_missing(true)).await?;
    let reader = pool(config.max_connections);
    let reader = reader.connect_with(options.pragma("query_only", "ON")).await?;
    assert_safe(&writer).await?;
    assert_safe(&reader).await?;
    Ok(Opened {
        pools: vec![PoolMeter::new("writer", &writer), PoolMeter::new("reader", &reader)],
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        turns: Turns::together(),
    })
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
        .disable_statement_logging())
}

/// Reads back what was set: a setting that SQLite does not take, it leaves as it was without a word.
async fn assert_safe(pool: &SqlitePool) -> Result<(), ConnectError> {
    let mut connection = pool.acquire().await?;
    for (name, needed) in NEEDED {
        let pragma = AssertSqlSafe(format!("PRAGMA {name}"));
        let row = raw_sql(pragma).fetch_one(&mut *connection).await?;
        let found: String = row.try_get_unchecked(0)?;
        if found != needed {
            return Err(ConnectError::UnsafeSetting { name, found, needed });
        }
    }
    let row = raw_sql("SELECT sqlite_version()").fetch_one(&mut *connection).await?;
    let found: String = row.try_get(0)?;
    let (needed, oldest) = OLDEST;
    if version(&found) < Some(oldest) {
        return Err(ConnectError::UnsafeSetting { name: "sqlite_version", found, needed });
    }
    Ok(())
}

/// Notes in a unit of work that something was removed, which has to be wiped when that is committed.
///
/// SQLite keeps `user_version` for its users, and changes it with the transaction.
pub(crate) async fn note_removal(txn: &DatabaseTransaction) -> Result<(), DbErr> {
    if txn.get_database_backend() == DbBackend::Sqlite {
        txn.execute_unprepared("PRAGMA user_version = 1").await?;
    }
    Ok(())
}

/// Leaves no trace of what was removed, if anything was since the last time.
///
/// `secure_delete` overwrites what is deleted, but not the copies that stay behind in a page when rows
/// move to another one, nor what was deleted without it: only writing the whole file anew leaves them
/// out.
pub(crate) async fn purge_deleted(writer: &DatabaseConnection) -> Result<(), DbErr> {
    let noted = Statement::from_string(DbBackend::Sqlite, "PRAGMA user_version");
    let noted = writer.query_one_raw(noted).await?;
    if noted.map(|row| row.try_get_by_index::<i32>(0)).transpose()? == Some(0) {
        return Ok(());
    }
    writer.execute_unprepared("VACUUM").await?;
    empty_log(writer).await?;
    // Last: whatever ends the program before, the next start wipes.
    writer.execute_unprepared("PRAGMA user_version = 0").await?;
    Ok(())
}

/// Moves everything out of the write-ahead log, which keeps old versions of pages, and cuts it to
/// nothing. Waits for readers as for any lock.
async fn empty_log(writer: &DatabaseConnection) -> Result<(), DbErr> {
    let checkpoint = Statement::from_string(DbBackend::Sqlite, "PRAGMA wal_checkpoint(TRUNCATE)");
    let row = writer.query_one_raw(checkpoint).await?;
    match row.map(|row| row.try_get_by_index::<i32>(0)).transpose()? {
        Some(0) => Ok(()),
        Some(_) | None => Err(DbErr::Custom("a reader keeps the write-ahead log".to_owned())),
    }
}

fn version(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next()??])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::master_key::MasterKey;
    use crate::crypto::sealer::{Sealer, SealingKey};

    fn sealer() -> Arc<Sealer> {
        let key = MasterKey::from_base64("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=").unwrap();
        Arc::new(Sealer::new(SealingKey::new(&key)))
    }

    fn config(folder: &Path) -> StoreConfig {
        let url = format!("sqlite://{}", folder.join("a/b/menshen.db").display());
        StoreConfig { url, max_connections: 2, sealer: sealer() }
    }

    #[tokio::test]
    async fn a_file_is_made_with_its_folder_and_opened_safely() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(&config(folder.path())).await.unwrap();
        for connection in [opened.writer, opened.reader] {
            let pool = connection.get_sqlite_connection_pool();
            assert_safe(pool).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_connection_that_breaks_a_promise_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let good = options(&config(folder.path()).url).unwrap().create_if_missing(true);
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for (bad, broken) in [
            (good.clone().journal_mode(SqliteJournalMode::Delete), "journal_mode"),
            (good.clone().synchronous(SqliteSynchronous::Normal), "synchronous"),
            (good.clone().foreign_keys(false), "foreign_keys"),
            (good.clone().busy_timeout(Duration::ZERO), "busy_timeout"),
            (good.clone().pragma("secure_delete", "FAST"), "secure_delete"),
        ] {
            let pool = pool(1).connect_with(bad).await.unwrap();
            let refused = assert_safe(&pool).await.unwrap_err();
            assert!(
                matches!(&refused, ConnectError::UnsafeSetting { name, .. } if *name == broken),
                "{refused}"
            );
            pool.close().await;
        }
    }

    #[tokio::test]
    async fn those_who_read_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(&config(folder.path())).await.unwrap();
        let write = |connection: sea_orm::DatabaseConnection| async move {
            let create = "CREATE TABLE IF NOT EXISTS a (b integer)";
            let create = Statement::from_string(connection.get_database_backend(), create);
            connection.execute_raw(create).await
        };
        write(opened.writer).await.unwrap();
        write(opened.reader).await.unwrap_err();
    }

    #[test]
    fn versions_are_compared_by_number() {
        let (_, oldest) = OLDEST;
        for good in ["3.51.3", "3.51.10", "3.100.0", "4.0.0"] {
            assert!(version(good) >= Some(oldest), "{good}");
        }
        for bad in ["3.51.2", "3.9.99", "3.40.1", "2.99.99", "", "3.51", "new"] {
            assert!(version(bad) < Some(oldest), "{bad}");
        }
    }
}
