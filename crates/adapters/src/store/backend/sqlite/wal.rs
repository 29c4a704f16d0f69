//! Pages that are written to an SQLite file, found in its write-ahead log. The format of the log is described
//! in <https://sqlite.org/fileformat2.html#walformat>.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;

use sea_orm::sqlx::SqlitePool;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
};

use crate::store::pool;

/// Number of frames in the log above which the tracker writes them to the database file.
const CHECKPOINT_FRAMES: u64 = 1000;

const HEADER_LENGTH: usize = 32;
const FRAME_HEADER_LENGTH: u64 = 24;

/// Tracker of the pages that are written while the purge runs.
pub(super) struct Tracker {
    connection: DatabaseConnection,
    /// Read transaction, for which SQLite keeps the frames of the log.
    snapshot: Option<DatabaseTransaction>,
    position: WalPosition,
}

impl Tracker {
    pub(super) async fn open(options: &SqliteConnectOptions) -> Result<Self, sea_orm::sqlx::Error> {
        let pool: SqlitePool = pool(1).connect_with(options.clone()).await?;
        let mut wal = options.get_filename().as_os_str().to_owned();
        wal.push("-wal");
        Ok(Self {
            connection: SqlxSqliteConnector::from_sqlx_sqlite_pool(pool),
            snapshot: None,
            position: WalPosition::new(PathBuf::from(wal)),
        })
    }

    /// Returns the numbers of the pages written since the last call. The caller MUST hold the write lock,
    /// so that nothing is written between two snapshots.
    pub(super) async fn written_pages(&mut self) -> Result<Vec<u32>, DbErr> {
        self.end_snapshot().await?;
        let frames = checkpoint(&self.connection, "PRAGMA wal_checkpoint(NOOP)").await?.frames;
        let pages = self.position.advance(frames).map_err(|error| {
            DbErr::Custom(format!("the write-ahead log cannot be read: {error}"))
        })?;
        if frames > CHECKPOINT_FRAMES {
            checkpoint(&self.connection, "PRAGMA wal_checkpoint(PASSIVE)").await?;
        }
        let snapshot = self.connection.begin_with_options(TransactionOptions::default()).await?;
        snapshot.execute_unprepared("SELECT 1 FROM sqlite_schema LIMIT 1").await?;
        self.snapshot = Some(snapshot);
        Ok(pages)
    }

    pub(super) async fn close(&mut self) -> Result<(), DbErr> {
        self.end_snapshot().await?;
        self.connection.close_by_ref().await
    }

    pub(super) async fn end_snapshot(&mut self) -> Result<(), DbErr> {
        match self.snapshot.take() {
            Some(snapshot) => snapshot.rollback().await,
            None => Ok(()),
        }
    }
}

/// Position in the write-ahead log up to which the frames were read.
///
/// While a read transaction is open, SQLite keeps all frames that were written after its beginning, and
/// starts the log again at most once.
struct WalPosition {
    path: PathBuf,
    /// Random values that SQLite changes whenever it starts the log again.
    salts: [u8; 8],
    frames: u64,
}

impl WalPosition {
    /// Beginning of the log.
    fn new(path: PathBuf) -> Self {
        Self { path, salts: [0; 8], frames: 0 }
    }

    /// Advances to the frame with the number `last` and returns the numbers of the pages in between.
    fn advance(&mut self, last: u64) -> io::Result<Vec<u32>> {
        if last == 0 {
            // The log was started again or truncated, and has no frame yet.
            self.frames = 0;
            self.salts = [0; 8];
            return Ok(Vec::new());
        }
        let mut file = File::open(&self.path)?;
        let mut header = [0; HEADER_LENGTH];
        file.read_exact(&mut header)?;
        let [_, _, page_size, _, salts @ ..] = header.as_chunks::<4>().0 else {
            return Err(ErrorKind::InvalidData.into());
        };
        let page_size = u64::from(u32::from_be_bytes(*page_size));
        let salts = salts.as_flattened().first_chunk().ok_or(ErrorKind::InvalidData)?;
        let is_same_log = self.salts == *salts && self.frames <= last;
        let first = if is_same_log { self.frames } else { 0 };
        let mut pages = Vec::new();
        for frame in first..last {
            let offset = HEADER_LENGTH as u64 + frame * (FRAME_HEADER_LENGTH + page_size);
            file.seek(SeekFrom::Start(offset))?;
            let mut number = [0; 4];
            file.read_exact(&mut number)?;
            pages.push(u32::from_be_bytes(number));
        }
        self.salts = *salts;
        self.frames = last;
        Ok(pages)
    }
}

/// Result of a checkpoint.
pub(super) struct Checkpoint {
    pub(super) is_busy: bool,
    /// Number of frames in the write-ahead log.
    pub(super) frames: u64,
}

pub(super) async fn checkpoint(
    connection: &DatabaseConnection,
    statement: &'static str,
) -> Result<Checkpoint, DbErr> {
    let statement = Statement::from_string(DbBackend::Sqlite, statement);
    let row = connection.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| DbErr::Custom("a checkpoint has no result".to_owned()))?;
    let frames: i32 = row.try_get_by_index(1)?;
    Ok(Checkpoint {
        is_busy: row.try_get_by_index::<i32>(0)? != 0,
        frames: u64::try_from(frames).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use sea_orm::sqlx::sqlite::SqliteJournalMode;

    use super::*;

    async fn pages(connection: &DatabaseConnection) -> BTreeMap<u32, Vec<u8>> {
        let select =
            Statement::from_string(DbBackend::Sqlite, "SELECT pgno, data FROM sqlite_dbpage");
        let rows = connection.query_all_raw(select).await.unwrap();
        let page = |row: &sea_orm::QueryResult| {
            (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())
        };
        rows.iter().map(page).collect()
    }

    #[tokio::test]
    async fn tracker_finds_every_written_page_although_the_log_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("a.db"))
            .create_if_missing(true)
            .busy_timeout(std::time::Duration::ZERO)
            .journal_mode(SqliteJournalMode::Wal);
        let writer: SqlitePool = pool(1).connect_with(options.clone()).await.unwrap();
        let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writer);
        let create = "CREATE TABLE a (b BLOB PRIMARY KEY, c BLOB)";
        writer.execute_unprepared(create).await.unwrap();
        let mut tracker = Tracker::open(&options).await.unwrap();
        tracker.written_pages().await.unwrap();
        // The log gets longer than `CHECKPOINT_FRAMES` several times.
        for round in 0..30 {
            let before = pages(&writer).await;
            for _ in 0..20 {
                let insert = "INSERT INTO a SELECT randomblob(16), randomblob(900) \
                              FROM json_each('[1,2,3,4,5]')";
                writer.execute_unprepared(insert).await.unwrap();
            }
            if round % 3 == 0 {
                checkpoint(&writer, "PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
                writer.execute_unprepared("DELETE FROM a WHERE b < x'20'").await.unwrap();
            }
            let after = pages(&writer).await;
            let is_changed = |page: &&u32| before.get(*page) != after.get(*page);
            let changed: BTreeSet<u32> = after.keys().filter(is_changed).copied().collect();
            let found = tracker.written_pages().await.unwrap();
            let found: BTreeSet<u32> = found.into_iter().collect();
            let missing: Vec<_> = changed.difference(&found).collect();
            assert!(missing.is_empty() && changed.len() > 10, "{round}: {missing:?}");
        }
        tracker.close().await.unwrap();
    }
}
