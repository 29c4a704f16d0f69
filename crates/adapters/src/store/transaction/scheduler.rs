//! Turns: who may have a unit of work under way, and with whom it shares its commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::ports::store::error::StoreError;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, oneshot};

use crate::store::transaction::uncancellable::to_the_end;

/// The turns of one database. The queue is here, first come first served, and not in the pool: a caller
/// who gives up while waiting leaves it.
#[derive(Clone)]
pub(crate) enum Turns {
    /// So many units of work at a time, each a transaction.
    Apart(Arc<Semaphore>),
    /// One at a time, each a savepoint in a transaction around all who waited for each other.
    ///
    /// SQLite waits for the disk at every commit. In this way as many units of work as there are wait
    /// once, together, and none is acknowledged before.
    Together(Arc<Queue>),
}

/// Those who have units of work one after the other.
#[derive(Default)]
pub(crate) struct Queue {
    group: Arc<Mutex<Group>>,
    closed: AtomicBool,
}

/// The units of work that will be committed together.
#[derive(Default)]
pub(crate) struct Group {
    /// The transaction around them, from the first one's beginning.
    around: Option<DatabaseTransaction>,
    /// Who waits to hear of the commit.
    waiting: Vec<oneshot::Sender<Result<(), Arc<DbErr>>>>,
}

/// What every statement under way keeps alive: the transaction, and then the turn it takes.
pub(crate) struct Open {
    pub(crate) txn: DatabaseTransaction,
    turn: Turn,
}

enum Turn {
    Apart(OwnedSemaphorePermit),
    Together(OwnedMutexGuard<Group>),
}

/// The store was closed.
#[derive(Debug, thiserror::Error)]
#[error("the store was closed")]
struct Closed;

impl Turns {
    /// So many at a time, and each for itself.
    pub(crate) fn apart(number: usize) -> Self {
        Self::Apart(Arc::new(Semaphore::new(number.max(1))))
    }

    /// One at a time, and committed together.
    pub(crate) fn together() -> Self {
        Self::Together(Arc::default())
    }

    /// Begins a unit of work when it is the caller's turn.
    pub(crate) async fn begin(&self, writer: &DatabaseConnection) -> Result<Arc<Open>, StoreError> {
        let writer = writer.clone();
        match self {
            Self::Apart(turns) => {
                let turn = Arc::clone(turns).acquire_owned().await.map_err(StoreError::new)?;
                to_the_end(async move {
                    let txn = writer.begin_with_options(immediate()).await?;
                    Ok(Arc::new(Open { txn, turn: Turn::Apart(turn) }))
                })
                .await
            }
            Self::Together(queue) => {
                let mut group = queue.turn().await?;
                let queue = Arc::clone(queue);
                to_the_end(async move {
                    let txn = group.begin(&writer, queue).await?;
                    Ok(Arc::new(Open { txn, turn: Turn::Together(group) }))
                })
                .await
            }
        }
    }

    /// Does what must not be done inside of a transaction.
    pub(crate) async fn alone(
        &self,
        work: impl Future<Output = Result<(), DbErr>> + Send + 'static,
    ) -> Result<(), StoreError> {
        match self {
            Self::Apart(turns) => {
                let turn = Arc::clone(turns).acquire_owned().await.map_err(StoreError::new)?;
                to_the_end(async move {
                    let done = work.await;
                    drop(turn);
                    done
                })
                .await
            }
            Self::Together(queue) => {
                let mut group = queue.turn().await?;
                to_the_end(async move {
                    group.commit().await;
                    let done = work.await;
                    drop(group);
                    done
                })
                .await
            }
        }
    }

    /// Lets nobody begin any more.
    pub(crate) fn close(&self) {
        match self {
            Self::Apart(turns) => turns.close(),
            Self::Together(queue) => queue.closed.store(true, Ordering::SeqCst),
        }
    }
}

impl Queue {
    async fn turn(&self) -> Result<OwnedMutexGuard<Group>, StoreError> {
        let group = Arc::clone(&self.group).lock_owned().await;
        if self.closed.load(Ordering::SeqCst) { Err(StoreError::new(Closed)) } else { Ok(group) }
    }
}

impl Group {
    /// A savepoint, in a transaction around it that is begun if need be.
    async fn begin(
        &mut self,
        writer: &DatabaseConnection,
        queue: Arc<Queue>,
    ) -> Result<DatabaseTransaction, DbErr> {
        if let Some(around) = &self.around {
            return around.begin_with_options(TransactionOptions::default()).await;
        }
        let around = writer.begin_with_options(immediate()).await?;
        let savepoint = around.begin_with_options(TransactionOptions::default()).await;
        self.around = Some(around);
        // The commit takes its turn like everybody: all who wait by now come before it, nobody has to
        // wait for those who come later, and no caller who gives up takes it along.
        tokio::spawn(async move { Arc::clone(&queue.group).lock_owned().await.commit().await });
        savepoint
    }

    /// Makes lasting what was done, and tells all who wait for it.
    async fn commit(&mut self) {
        let Some(around) = self.around.take() else { return };
        let committed = around.commit().await.map_err(Arc::new);
        for waiting in self.waiting.drain(..) {
            // Whoever gave up need not know.
            let _ = waiting.send(committed.clone());
        }
    }
}

impl Open {
    /// Makes the unit of work lasting.
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        let Self { txn, turn } = self;
        match turn {
            Turn::Apart(turn) => {
                let committed = txn.commit().await;
                drop(turn);
                committed
            }
            Turn::Together(mut group) => {
                txn.commit().await?;
                let (tell, told) = oneshot::channel();
                group.waiting.push(tell);
                drop(group);
                let committed = told.await.map_err(|lost| DbErr::Custom(lost.to_string()))?;
                committed.map_err(|error| DbErr::Custom(format!("the common commit: {error}")))
            }
        }
    }
}

/// SQLite's own default takes the write lock at the first write, and fails then when another process wrote
/// since the first read. The other databases do not know the option.
fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}
