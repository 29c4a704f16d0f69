//! Group commit: units of work that run one after the other and share one commit.
//!
//! SQLite waits for the disk at every commit (write-ahead log with `synchronous=FULL`). With group commit,
//! all units of work that queued up meanwhile wait for the disk once, together. None of them is
//! acknowledged before.
//!
//! A full disk or an I/O error may roll the shared transaction back, or leave it open after a failed
//! commit, and sqlx does not notice either. A group is therefore committed only if every statement that
//! changes the transaction has succeeded. Otherwise it is abandoned: its callers repeat their units of
//! work, and the connection is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::ports::store::error::{Contention, StoreError};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::store::error::to_store_error;
use crate::store::transaction::generation::ConnectionGeneration;

/// Queue of units of work for the one connection that writes.
pub(crate) struct CommitQueue {
    slot: Arc<Mutex<GroupSlot>>,
    closed: AtomicBool,
}

/// Place of the open group, if there is one. Locked by the unit of work that runs.
pub(super) struct GroupSlot {
    open: Option<CommitGroup>,
    generation: Arc<ConnectionGeneration>,
}

/// Units of work that are committed together, each a savepoint in one outer transaction.
struct CommitGroup {
    outer: DatabaseTransaction,
    /// Callers waiting for the group commit.
    waiting: Vec<oneshot::Sender<Result<(), Arc<DbErr>>>>,
}

/// The store is closed.
#[derive(Debug, thiserror::Error)]
#[error("the store is closed")]
struct StoreClosed;

/// A unit of work was not committed, because the group that it belongs to failed.
#[derive(Debug, thiserror::Error)]
#[error("group commit failed")]
struct GroupFailed(#[source] StoreError);

impl CommitQueue {
    pub(super) fn new(generation: Arc<ConnectionGeneration>) -> Self {
        let slot = GroupSlot { open: None, generation };
        Self { slot: Arc::new(Mutex::new(slot)), closed: AtomicBool::new(false) }
    }

    /// Waits for the exclusive use of the connection, in order of arrival.
    pub(super) async fn acquire(&self) -> Result<OwnedMutexGuard<GroupSlot>, StoreError> {
        let slot = Arc::clone(&self.slot).lock_owned().await;
        if self.closed.load(Ordering::SeqCst) {
            return Err(StoreError::new(StoreClosed));
        }
        Ok(slot)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}

impl GroupSlot {
    /// Begins a savepoint. The first one of a group begins the outer transaction too.
    pub(super) async fn begin(
        &mut self,
        writer: &DatabaseConnection,
        queue: Arc<CommitQueue>,
    ) -> Result<DatabaseTransaction, DbErr> {
        if self.open.is_none() {
            let outer = writer.begin_with_options(immediate()).await?;
            self.open = Some(CommitGroup { outer, waiting: Vec::new() });
            // The commit queues up like every unit of work. The group therefore consists of the units of
            // work that are waiting now, none of them waits for later ones, and no cancelled caller
            // cancels the commit.
            tokio::spawn(async move { Arc::clone(&queue.slot).lock_owned().await.commit().await });
        }
        let begun = match &self.open {
            Some(group) => group.outer.begin_with_options(TransactionOptions::default()).await,
            None => Err(no_group()),
        };
        begun.inspect_err(|error| self.abandon(error))
    }

    /// Commits the outer transaction and notifies all callers that wait for it.
    pub(super) async fn commit(&mut self) {
        let Some(CommitGroup { outer, waiting }) = self.open.take() else { return };
        let committed = outer.commit().await.map_err(Arc::new);
        if committed.is_err() {
            self.generation.retire();
        }
        notify(waiting, &committed);
    }

    /// Rolls a unit of work back. The others of its group are not affected.
    pub(super) async fn roll_back(&mut self, savepoint: DatabaseTransaction) {
        if let Err(error) = savepoint.rollback().await {
            self.abandon(&error);
        }
    }

    /// Ends a group whose transaction is in an unknown state.
    pub(super) fn abandon(&mut self, cause: &DbErr) {
        self.generation.retire();
        let Some(CommitGroup { outer, waiting }) = self.open.take() else { return };
        drop(outer);
        notify(waiting, &Err(Arc::new(DbErr::Custom(cause.to_string()))));
    }
}

/// Releases the savepoint and waits for the group commit.
pub(super) async fn commit_with_group(
    savepoint: DatabaseTransaction,
    mut slot: OwnedMutexGuard<GroupSlot>,
) -> Result<(), StoreError> {
    if let Err(error) = savepoint.commit().await {
        slot.abandon(&error);
        return Err(to_store_error(&error));
    }
    let group = slot.open.as_mut().ok_or_else(|| to_store_error(&no_group()))?;
    let (sender, receiver) = oneshot::channel();
    group.waiting.push(sender);
    drop(slot);
    let committed = receiver.await.map_err(StoreError::unavailable)?;
    // The unit of work itself was in order, so it is worth another attempt.
    committed.map_err(|error| Contention::new(GroupFailed(to_store_error(&error))).into())
}

fn no_group() -> DbErr {
    DbErr::Custom("the transaction of the group is gone".to_owned())
}

fn notify(waiting: Vec<oneshot::Sender<Result<(), Arc<DbErr>>>>, outcome: &Result<(), Arc<DbErr>>) {
    for caller in waiting {
        // The receiver of a cancelled caller is gone.
        let _ = caller.send(outcome.clone());
    }
}

/// By default, SQLite takes the write lock at the first write, and fails then if another process has
/// written since the first read of the transaction.
fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}
