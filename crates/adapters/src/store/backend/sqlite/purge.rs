//! Purge of deleted data from an SQLite file, in small steps between the units of work.
//!
//! `secure_delete` overwrites deleted rows, but not the copies that remain in unallocated space when rows
//! move to other pages. The purge zeroes that space in all pages, then empties the write-ahead log, which
//! holds former versions of pages. `VACUUM` would do so too, but would rewrite the whole file with all
//! writers waiting.
//!
//! SQLite may move a page with copies to the place of one that is clean already. Every page that is
//! written meanwhile is therefore cleaned again, until so few are left that one step cleans them all.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use domain::model::clock::Clock;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::page::{FileHeader, MAX_PAGES, MalformedPage, UnusedPages};
use super::wal::{Tracker, checkpoint};
use crate::store::error::to_store_error;
use crate::store::transaction::WriteScheduler;
use crate::system::SystemClock;

/// Maximum number of pages that a step reads, cleans and commits while other writers wait.
const STEP_PAGES: usize = 64;

/// Maximum number of pages of the last step.
const LAST_STEP_PAGES: usize = 256;

/// Pause after a step, in durations of the step: most of the time belongs to the other writers.
const PAUSE_FACTOR: u32 = 3;

/// Maximum number of attempts to empty the write-ahead log, which fail while a reader uses it.
const MAX_TRUNCATE_ATTEMPTS: u32 = 20;

/// Pause between two attempts to empty the write-ahead log.
const TRUNCATE_INTERVAL: Duration = Duration::from_millis(250);

/// Maximum time to wait for readers while the writers wait.
const TRUNCATE_TIMEOUT: &str = "PRAGMA busy_timeout = 200";
const DEFAULT_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// Marks in a transaction that data was deleted, so that the file is purged after the commit.
///
/// The mark is the time of the oldest deletion. SQLite reserves `user_version` for applications, and
/// changes it with the transaction.
pub(crate) async fn mark_purge_due(txn: &impl ConnectionTrait) -> Result<(), DbErr> {
    if txn.get_database_backend() == DbBackend::Sqlite && read_mark(txn).await?.is_none() {
        // As an unsigned number, 32 bits last until the year 2106.
        let seconds = u32::try_from(SystemClock.now().unix_seconds()).unwrap_or(1).max(1);
        let mark = format!("PRAGMA user_version = {}", seconds.cast_signed());
        txn.execute_unprepared(&mark).await?;
    }
    Ok(())
}

/// Returns the time of the oldest deletion that was not purged yet.
pub(crate) async fn read_mark(
    connection: &impl ConnectionTrait,
) -> Result<Option<Timestamp>, DbErr> {
    let mark = pragma(connection, "PRAGMA user_version").await?;
    let seconds = i64::from(mark.cast_unsigned());
    Ok((mark != 0).then(|| Timestamp::from_unix_millis(seconds * 1000)))
}

/// Purge of deleted data from one file.
pub(crate) struct Purge {
    options: SqliteConnectOptions,
    /// Permit of the one purge that runs.
    running: Mutex<()>,
    /// Time of the oldest deletion that was not purged yet, in Unix milliseconds, or 0.
    pending_since: Arc<AtomicI64>,
}

/// Reasons why a purge is tried again later.
#[derive(Debug, thiserror::Error)]
enum PurgeError {
    #[error(transparent)]
    Page(#[from] MalformedPage),
    #[error("the write-ahead log cannot be emptied: another connection reads an old state")]
    LogInUse,
    #[error("another process wrote while the write-ahead log was emptied")]
    ConcurrentWrite,
    #[error("the database file has too many pages")]
    FileTooLarge,
}

impl From<PurgeError> for DbErr {
    fn from(error: PurgeError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        Self::Custom(format!("{error}{}", cause.unwrap_or_default()))
    }
}

impl Purge {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, running: Mutex::default(), pending_since: Arc::default() }
    }

    /// Time of the oldest deletion that was not purged yet, in Unix milliseconds, or 0. Every purge
    /// updates it.
    pub(crate) fn pending_since(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.pending_since)
    }

    /// Purges the file if data was deleted since the last purge. A unit of work waits for a single step.
    pub(crate) async fn run(
        &self,
        scheduler: &WriteScheduler,
        mark: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let since = mark.map_or(0, Timestamp::unix_millis);
        self.pending_since.store(since, Ordering::Relaxed);
        if mark.is_none() {
            return Ok(());
        }
        let _permit = self.running.lock().await;
        tracing::info!("purge of deleted data from the database file started");
        let started = Instant::now();
        let pass = self.start_pass(scheduler).await?;
        let purged = self.clean_all_pages(scheduler, &pass).await;
        // An open read transaction would keep the write-ahead log from being started again.
        let mut pass = pass.lock().await;
        pass.tracker.close().await.map_err(|error| to_store_error(&error))?;
        purged?;
        self.pending_since.store(0, Ordering::Relaxed);
        let seconds = started.elapsed().as_secs_f32();
        let Pass { read, written, .. } = *pass;
        tracing::info!(read, written, seconds, "purge of deleted data finished");
        Ok(())
    }
}

impl Purge {
    /// Starts to track the pages that are written.
    async fn start_pass(&self, scheduler: &WriteScheduler) -> Result<Arc<Mutex<Pass>>, StoreError> {
        let tracker = Tracker::open(&self.options).await.map_err(StoreError::new)?;
        let pass = Arc::new(Mutex::new(Pass {
            tracker,
            unread: 0..0,
            written_meanwhile: BTreeSet::new(),
            truncate_attempts: 0,
            is_complete: false,
            read: 0,
            written: 0,
        }));
        let started = Arc::clone(&pass);
        scheduler
            .run_exclusive(async move |writer| started.lock().await.start(writer).await)
            .await?;
        Ok(pass)
    }

    async fn clean_all_pages(
        &self,
        scheduler: &WriteScheduler,
        pass: &Arc<Mutex<Pass>>,
    ) -> Result<(), StoreError> {
        loop {
            let step = Arc::clone(pass);
            let duration = Arc::new(Mutex::new(Duration::ZERO));
            let measured = Arc::clone(&duration);
            scheduler
                .run_exclusive(async move |writer| {
                    let started = Instant::now();
                    step.lock().await.step(writer).await?;
                    *measured.lock().await = started.elapsed();
                    Ok(())
                })
                .await?;
            let pass = pass.lock().await;
            if pass.is_complete {
                return Ok(());
            }
            let duration = *duration.lock().await;
            let pause = if pass.truncate_attempts > 0 {
                TRUNCATE_INTERVAL
            } else if pass.unread.is_empty() {
                duration
            } else {
                duration * PAUSE_FACTOR
            };
            drop(pass);
            sleep(pause).await;
        }
    }
}

/// State of a running purge.
struct Pass {
    tracker: Tracker,
    /// Pages that were not read yet.
    unread: std::ops::Range<u32>,
    /// Pages that were written after they were read.
    written_meanwhile: BTreeSet<u32>,
    truncate_attempts: u32,
    is_complete: bool,
    /// Numbers of pages read and written.
    read: usize,
    written: usize,
}

impl Pass {
    async fn start(&mut self, writer: &DatabaseConnection) -> Result<(), DbErr> {
        let txn = writer.begin_with_options(immediate()).await?;
        self.tracker.written_pages().await?;
        let pages = pragma(&txn, "PRAGMA page_count").await?.cast_unsigned();
        if pages > MAX_PAGES {
            return Err(PurgeError::FileTooLarge.into());
        }
        // The first page holds the schema only.
        self.unread = 2..pages + 1;
        txn.rollback().await
    }

    /// Cleans some pages; if few are left, cleans them all and completes the purge.
    async fn step(&mut self, writer: &DatabaseConnection) -> Result<(), DbErr> {
        let txn = writer.begin_with_options(immediate()).await?;
        let unread = &self.unread;
        let written = self.tracker.written_pages().await?.into_iter();
        self.written_meanwhile.extend(written.filter(|page| *page > 1 && !unread.contains(page)));
        let is_last = self.unread.len() + self.written_meanwhile.len() <= LAST_STEP_PAGES;
        let mut pages: Vec<u32> = Vec::new();
        let limit = if is_last { LAST_STEP_PAGES } else { STEP_PAGES };
        pages.extend(self.unread.by_ref().take(limit));
        while pages.len() < limit {
            let Some(page) = self.written_meanwhile.pop_first() else { break };
            pages.push(page);
        }
        self.read += pages.len();
        self.written += clean(&txn, &pages).await?;
        let version = pragma(&txn, "PRAGMA data_version").await?;
        txn.commit().await?;
        if is_last { self.complete(writer, version).await } else { Ok(()) }
    }

    /// Empties the write-ahead log and removes the mark. All pages are clean in the given version of the
    /// data.
    async fn complete(&mut self, writer: &DatabaseConnection, version: i32) -> Result<(), DbErr> {
        self.tracker.end_snapshot().await?;
        let is_truncated = truncate_wal(writer).await?;
        let txn = writer.begin_with_options(immediate()).await?;
        // The version changes if another connection has written.
        if pragma(&txn, "PRAGMA data_version").await? != version {
            return Err(PurgeError::ConcurrentWrite.into());
        }
        if is_truncated {
            txn.execute_unprepared("PRAGMA user_version = 0").await?;
            self.is_complete = true;
            return txn.commit().await;
        }
        self.truncate_attempts += 1;
        if self.truncate_attempts == MAX_TRUNCATE_ATTEMPTS {
            return Err(PurgeError::LogInUse.into());
        }
        self.tracker.written_pages().await?;
        txn.rollback().await
    }
}

/// Zeroes the unused bytes of these pages and returns the number of pages that had any.
async fn clean(txn: &DatabaseTransaction, pages: &[u32]) -> Result<usize, DbErr> {
    let header = FileHeader::parse(&page(txn, 1).await?).map_err(PurgeError::from)?;
    let mut unused = UnusedPages::default();
    let mut trunk = header.first_trunk;
    while trunk != 0 {
        let content = page(txn, trunk).await?;
        trunk = unused.add_trunk(trunk, &content).map_err(PurgeError::from)?;
    }
    let numbers = pages.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let select = "SELECT page.pgno, page.data FROM json_each(?) AS number \
                  CROSS JOIN sqlite_dbpage AS page WHERE page.pgno = number.value";
    let numbers = [format!("[{numbers}]").into()];
    let select = Statement::from_sql_and_values(DbBackend::Sqlite, select, numbers);
    let mut written = 0;
    for row in txn.query_all_raw(select).await? {
        let number: u32 = row.try_get_by_index(0)?;
        let mut content: Vec<u8> = row.try_get_by_index(1)?;
        let is_changed = unused.zero_unused_bytes(number, &mut content, header.reserved);
        if is_changed.map_err(PurgeError::from)? {
            let update = "UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?";
            let values = [content.into(), number.into()];
            let update = Statement::from_sql_and_values(DbBackend::Sqlite, update, values);
            txn.execute_raw(update).await?;
            written += 1;
        }
    }
    Ok(written)
}

async fn page(txn: &DatabaseTransaction, number: u32) -> Result<Vec<u8>, DbErr> {
    let select = "SELECT data FROM sqlite_dbpage WHERE pgno = ?";
    let select = Statement::from_sql_and_values(DbBackend::Sqlite, select, [number.into()]);
    let row = txn.query_one_raw(select).await?.ok_or(PurgeError::Page(MalformedPage))?;
    row.try_get_by_index(0)
}

/// Writes the pages in the write-ahead log to the file and truncates the log. Returns false if a reader
/// uses the log.
async fn truncate_wal(writer: &DatabaseConnection) -> Result<bool, DbErr> {
    // Writers wait meanwhile, so the time is short. New readers do not need the log once all its pages
    // are in the file.
    writer.execute_unprepared(TRUNCATE_TIMEOUT).await?;
    let truncated = checkpoint(writer, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    writer.execute_unprepared(DEFAULT_TIMEOUT).await?;
    Ok(!truncated?.is_busy)
}

async fn pragma(connection: &impl ConnectionTrait, pragma: &'static str) -> Result<i32, DbErr> {
    let row = connection.query_one_raw(Statement::from_string(DbBackend::Sqlite, pragma)).await?;
    let row = row.ok_or_else(|| DbErr::Custom(format!("{pragma} has no value")))?;
    row.try_get_by_index(0)
}

/// By default, SQLite takes the write lock at the first write.
fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}
