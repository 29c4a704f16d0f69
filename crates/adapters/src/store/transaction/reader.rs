//! Connections for reads outside of units of work.

use std::sync::Arc;

use domain::ports::store::error::StoreError;
use sea_orm::{DatabaseConnection, DbBackend};
use tokio::sync::Semaphore;

use crate::store::error::to_store_error;
use crate::store::transaction::generation::ConnectionGeneration;
use crate::store::transaction::uncancellable::{Statements, run_within_deadline};
use crate::store::transaction::wait_queue::{QueueLimits, WaitQueue};

/// Pool of connections that read committed data, and the queue in front of it.
pub(crate) struct Reader {
    connection: DatabaseConnection,
    permits: Arc<Semaphore>,
    queue: WaitQueue,
    generation: Arc<ConnectionGeneration>,
}

impl Reader {
    /// Reader of at most `max` concurrent reads.
    pub(crate) fn new(
        connection: DatabaseConnection,
        max: usize,
        limits: QueueLimits,
        generation: Arc<ConnectionGeneration>,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(max.max(1)));
        Self { connection, permits, queue: WaitQueue::new(limits), generation }
    }

    /// Queue of reads that wait for a connection.
    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Runs statements to completion, whether or not the caller is cancelled.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        statements: impl Statements<DatabaseConnection, T>,
    ) -> Result<T, StoreError> {
        let permit = self.queue.wait_for(Arc::clone(&self.permits).acquire_owned()).await?;
        let permit = permit.map_err(StoreError::new)?;
        let connection = self.connection.clone();
        let read = Box::pin(async move {
            let outcome = statements(&connection).await;
            drop(permit);
            outcome
        });
        run_within_deadline(Arc::clone(&self.generation), read).await
    }

    /// Kind of the database.
    pub(crate) fn backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    /// Closes the connections as soon as they are idle.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.permits.close();
        self.connection.close_by_ref().await.map_err(|error| to_store_error(&error))
    }
}
