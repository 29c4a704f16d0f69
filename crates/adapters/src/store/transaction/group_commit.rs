//! Group commit: units of work that run one after the other and share one commit.
//!
//! SQLite waits for the disk at every commit (write-ahead log with `synchronous=FULL`). With group commit,
//! all units of work that queued up meanwhile wait for the disk once, together. None of them is
//! acknowledged before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::ports::store::error::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

/// Queue of units of work for the one connection that writes.
#[derive(Default)]
pub(crate) struct CommitQueue {
    group: Arc<Mutex<CommitGroup>>,
    closed: AtomicBool,
}

/// Units of work that are committed together, each a savepoint in one outer transaction.
#[derive(Default)]
pub(super) struct CommitGroup {
    /// Outer transaction, from the beginning of the first unit of work on.
    outer: Option<DatabaseTransaction>,
    /// Callers waiting for the group commit.
    waiting: Vec<oneshot::Sender<Result<(), Arc<DbErr>>>>,
}

/// The store is closed.
#[derive(Debug, thiserror::Error)]
#[error("the store is closed")]
struct StoreClosed;

impl CommitQueue {
    /// Waits for the exclusive use of the group, in order of arrival.
    pub(super) async fn acquire(&self) -> Result<OwnedMutexGuard<CommitGroup>, StoreError> {
        let group = Arc::clone(&self.group).lock_owned().await;
        if self.closed.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreClosed));
        }
        Ok(group)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

impl CommitGroup {
    /// Begins a savepoint. The first one of a group begins the outer transaction too.
    pub(super) async fn begin(
        &mut self,
        writer: &DatabaseConnection,
        queue: Arc<CommitQueue>,
    ) -> Result<DatabaseTransaction, DbErr> {
        if let Some(outer) = &self.outer {
            return outer.begin_with_options(TransactionOptions::default()).await;
        }
        let outer = writer.begin_with_options(immediate()).await?;
        let savepoint = outer.begin_with_options(TransactionOptions::default()).await;
        self.outer = Some(outer);
        // The commit queues up like every unit of work. The group therefore consists of the units of work
        // that are waiting now, none of them waits for later ones, and no cancelled caller cancels the
        // commit.
        tokio::spawn(async move { Arc::clone(&queue.group).lock_owned().await.commit().await });
        savepoint
    }

    /// Commits the outer transaction and notifies all callers that wait for it.
    pub(super) async fn commit(&mut self) {
        let Some(outer) = self.outer.take() else { return };
        let committed = outer.commit().await.map_err(Arc::new);
        for waiting in self.waiting.drain(..) {
            // The receiver of a cancelled caller is gone.
            let _ = waiting.send(committed.clone());
        }
    }
}

/// Releases the savepoint and waits for the group commit.
pub(super) async fn commit_with_group(
    savepoint: DatabaseTransaction,
    mut group: OwnedMutexGuard<CommitGroup>,
) -> Result<(), DbErr> {
    savepoint.commit().await?;
    let (sender, receiver) = oneshot::channel();
    group.waiting.push(sender);
    drop(group);
    let committed = receiver.await.map_err(|lost| DbErr::Custom(lost.to_string()))?;
    committed.map_err(|error| DbErr::Custom(format!("group commit failed: {error}")))
}

/// By default, SQLite takes the write lock at the first write, and fails then if another process has
/// written since the first read of the transaction.
fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}
