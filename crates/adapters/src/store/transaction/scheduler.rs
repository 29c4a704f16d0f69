//! Write scheduler: the number of concurrent units of work, and the way they are committed.

use std::sync::Arc;

use domain::ports::store::error::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, TransactionOptions, TransactionTrait,
};
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::store::error::to_store_error;
use crate::store::transaction::group_commit::{CommitGroup, CommitQueue, commit_with_group};
use crate::store::transaction::uncancellable::{Statements, run_to_completion};

/// Connections that write, and the queue in front of them.
///
/// The queue is here and not in the pool: it is in order of arrival, and a cancelled caller leaves it.
pub(crate) struct WriteScheduler {
    writer: DatabaseConnection,
    mode: Mode,
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
    GroupCommit(OwnedMutexGuard<CommitGroup>),
}

/// Open transaction of a unit of work. Every running statement keeps it alive.
///
/// The fields are dropped in order: the transaction is rolled back before the permit is released.
pub(super) struct OpenTransaction {
    txn: DatabaseTransaction,
    permit: Permit,
}

impl WriteScheduler {
    /// Scheduler of at most `max` concurrent units of work.
    pub(crate) fn concurrent(writer: DatabaseConnection, max: usize) -> Self {
        Self { writer, mode: Mode::Concurrent(Arc::new(Semaphore::new(max.max(1)))) }
    }

    /// Scheduler of one unit of work at a time, with group commit.
    pub(crate) fn group_commit(writer: DatabaseConnection) -> Self {
        Self { writer, mode: Mode::GroupCommit(Arc::default()) }
    }

    /// Begins a unit of work as soon as the queue permits.
    pub(super) async fn begin(&self) -> Result<OpenTransaction, StoreError> {
        let writer = self.writer.clone();
        match &self.mode {
            Mode::Concurrent(permits) => {
                let permit = acquire(permits).await?;
                run_to_completion(async move {
                    let options = TransactionOptions::default();
                    let txn = writer.begin_with_options(options).await?;
                    Ok(OpenTransaction { txn, permit: Permit::Concurrent(permit) })
                })
                .await
            }
            Mode::GroupCommit(queue) => {
                let mut group = queue.acquire().await?;
                let queue = Arc::clone(queue);
                run_to_completion(async move {
                    let txn = group.begin(&writer, queue).await?;
                    Ok(OpenTransaction { txn, permit: Permit::GroupCommit(group) })
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
                let permit = acquire(permits).await?;
                run_to_completion(async move {
                    let outcome = statements(&writer).await;
                    drop(permit);
                    outcome
                })
                .await
            }
            Mode::GroupCommit(queue) => {
                let mut group = queue.acquire().await?;
                run_to_completion(async move {
                    group.commit().await;
                    let outcome = statements(&writer).await;
                    drop(group);
                    outcome
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
    pub(super) fn connection(&self) -> &DatabaseTransaction {
        &self.txn
    }

    /// Commits the unit of work; returns when it is durable.
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        match self.permit {
            Permit::Concurrent(permit) => {
                let committed = self.txn.commit().await;
                drop(permit);
                committed
            }
            Permit::GroupCommit(group) => commit_with_group(self.txn, group).await,
        }
    }
}
