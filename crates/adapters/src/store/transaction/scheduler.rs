//! Write scheduler: the number of concurrent units of work, and the way they are committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::ports::store::error::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, TransactionOptions, TransactionTrait,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::store::error::{is_unique_violation, keeps_transaction, to_store_error};
use crate::store::transaction::generation::ConnectionGeneration;
use crate::store::transaction::group_commit::{CommitQueue, GroupSlot, commit_with_group};
use crate::store::transaction::uncancellable::{
    Statements, run_to_completion, run_within_deadline, within_deadline,
};
use crate::store::transaction::wait_queue::{QueueLimits, WaitQueue};

/// Connections that write, and the queue in front of them.
///
/// The queue is here and not in the pool: it is bounded and in order of arrival, and a cancelled caller
/// leaves it.
pub(crate) struct WriteScheduler {
    writer: DatabaseConnection,
    mode: Mode,
    queue: WaitQueue,
    generation: Arc<ConnectionGeneration>,
}

/// Way in which units of work share the connections.
enum Mode {
    /// A limited number of units of work at a time, each a transaction.
    Concurrent(Arc<Semaphore>),
    /// One unit of work at a time, each a savepoint. See [`group_commit`](super::group_commit).
    GroupCommit(Arc<CommitQueue>),
}

/// Right to use a connection that writes.
enum Permit {
    Concurrent(OwnedSemaphorePermit),
    GroupCommit(OwnedMutexGuard<GroupSlot>),
}

/// Open transaction of a unit of work. Every running statement keeps it alive. Dropping it rolls it back.
pub(super) struct OpenTransaction {
    generation: Arc<ConnectionGeneration>,
    /// True while a statement runs, and after one that may have ended the transaction.
    is_in_doubt: AtomicBool,
    /// `None` after the commit has begun.
    open: Option<(DatabaseTransaction, Permit)>,
}

impl WriteScheduler {
    /// Scheduler of at most `max` concurrent units of work.
    pub(crate) fn concurrent(
        writer: DatabaseConnection,
        max: usize,
        limits: QueueLimits,
        generation: Arc<ConnectionGeneration>,
    ) -> Self {
        let mode = Mode::Concurrent(Arc::new(Semaphore::new(max.max(1))));
        Self { writer, mode, queue: WaitQueue::new(limits), generation }
    }

    /// Scheduler of one unit of work at a time, with group commit.
    pub(crate) fn group_commit(
        writer: DatabaseConnection,
        limits: QueueLimits,
        generation: Arc<ConnectionGeneration>,
    ) -> Self {
        let mode = Mode::GroupCommit(Arc::new(CommitQueue::new(Arc::clone(&generation))));
        Self { writer, mode, queue: WaitQueue::new(limits), generation }
    }

    /// Queue of units of work that wait for a connection.
    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Begins a unit of work as soon as the queue permits.
    pub(super) async fn begin(&self) -> Result<OpenTransaction, StoreError> {
        let writer = self.writer.clone();
        let generation = Arc::clone(&self.generation);
        match &self.mode {
            Mode::Concurrent(permits) => {
                let permit = self.queue.wait_for(acquire(permits)).await??;
                run_within_deadline(Arc::clone(&generation), async move {
                    let options = TransactionOptions::default();
                    let txn = writer.begin_with_options(options).await?;
                    Ok(OpenTransaction::new(generation, txn, Permit::Concurrent(permit)))
                })
                .await
            }
            Mode::GroupCommit(queue) => {
                let mut slot = self.queue.wait_for(queue.acquire()).await??;
                let queue = Arc::clone(queue);
                run_within_deadline(Arc::clone(&generation), async move {
                    let txn = slot.begin(&writer, queue).await?;
                    Ok(OpenTransaction::new(generation, txn, Permit::GroupCommit(slot)))
                })
                .await
            }
        }
    }

    /// Runs statements that must be outside of any transaction, to completion.
    pub(crate) async fn run_exclusive(
        &self,
        statements: impl Statements<DatabaseConnection, ()>,
    ) -> Result<(), StoreError> {
        let writer = self.writer.clone();
        match &self.mode {
            Mode::Concurrent(permits) => {
                let permit = self.queue.wait_for(acquire(permits)).await??;
                run_to_completion(async move {
                    let outcome = statements(&writer).await;
                    drop(permit);
                    outcome.map_err(|error| to_store_error(&error))
                })
                .await
            }
            Mode::GroupCommit(queue) => {
                let mut slot = self.queue.wait_for(queue.acquire()).await??;
                run_to_completion(async move {
                    slot.commit().await;
                    let outcome = statements(&writer).await;
                    drop(slot);
                    outcome.map_err(|error| to_store_error(&error))
                })
                .await
            }
        }
    }

    /// Refuses further units of work, and closes the connections as soon as they are idle.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        match &self.mode {
            Mode::Concurrent(permits) => permits.close(),
            Mode::GroupCommit(queue) => queue.close(),
        }
        self.writer.close_by_ref().await.map_err(|error| to_store_error(&error))
    }
}

async fn acquire(permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, StoreError> {
    Arc::clone(permits).acquire_owned().await.map_err(StoreError::new)
}

impl OpenTransaction {
    fn new(
        generation: Arc<ConnectionGeneration>,
        txn: DatabaseTransaction,
        permit: Permit,
    ) -> Self {
        Self { generation, is_in_doubt: AtomicBool::new(false), open: Some((txn, permit)) }
    }

    /// Runs statements to completion, within the deadline of the database.
    pub(super) fn run<T: Send + 'static>(
        self: Arc<Self>,
        statements: impl Statements<DatabaseTransaction, T>,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        let generation = Arc::clone(&self.generation);
        run_within_deadline(generation, Box::pin(async move { self.attempt(statements).await }))
    }

    /// Runs statements as [`Self::run`] does, and returns `None` if another row has a unique value of
    /// theirs. The unit of work must be dropped then.
    pub(super) fn run_unless_taken<T: Send + 'static>(
        self: Arc<Self>,
        statements: impl Statements<DatabaseTransaction, T>,
    ) -> impl Future<Output = Result<Option<T>, StoreError>> + Send {
        let generation = Arc::clone(&self.generation);
        let attempt = Box::pin(async move {
            match self.attempt(statements).await {
                Ok(value) => Ok(Some(value)),
                Err(error) if is_unique_violation(&error) => Ok(None),
                Err(error) => Err(error),
            }
        });
        run_within_deadline(generation, attempt)
    }

    /// Runs statements unless an earlier one may have ended the transaction: on SQLite and MySQL they would
    /// be committed at once, each by itself.
    async fn attempt<T>(
        &self,
        statements: impl Statements<DatabaseTransaction, T>,
    ) -> Result<T, DbErr> {
        let was_in_doubt = self.is_in_doubt.swap(true, Ordering::SeqCst);
        let Some((txn, _)) = self.open.as_ref().filter(|_| !was_in_doubt) else {
            return Err(in_doubt());
        };
        let outcome = statements(txn).await;
        if outcome.as_ref().err().is_none_or(keeps_transaction) {
            self.is_in_doubt.store(false, Ordering::SeqCst);
        }
        outcome
    }

    /// Commits the unit of work; returns when it is durable. Must run to completion.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        if self.is_in_doubt.load(Ordering::SeqCst) {
            return Err(to_store_error(&in_doubt()));
        }
        let generation = Arc::clone(&self.generation);
        match self.open.take() {
            Some((txn, Permit::Concurrent(permit))) => {
                let committed = within_deadline(generation, txn.commit()).await;
                drop(permit);
                committed
            }
            Some((txn, Permit::GroupCommit(slot))) => commit_with_group(txn, slot).await,
            None => Err(to_store_error(&in_doubt())),
        }
    }
}

impl Drop for OpenTransaction {
    fn drop(&mut self) {
        match self.open.take() {
            None => {}
            Some((txn, Permit::Concurrent(permit))) => {
                // The rollback is sent when the connection is returned to the pool.
                drop(txn);
                drop(permit);
            }
            Some((txn, Permit::GroupCommit(mut slot))) => {
                if self.is_in_doubt.load(Ordering::SeqCst) {
                    drop(txn);
                    slot.abandon(&in_doubt());
                } else if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(async move { slot.roll_back(txn).await });
                }
            }
        }
    }
}

fn in_doubt() -> DbErr {
    DbErr::Custom("the transaction was ended by a failed statement".to_owned())
}
