//! Connections for reads outside of units of work.

use domain::ports::store::error::StoreError;
use sea_orm::{DatabaseConnection, DbBackend};

use crate::store::error::to_store_error;
use crate::store::transaction::uncancellable::{Statements, run_to_completion};

/// Pool of connections that read committed data.
pub(crate) struct Reader(DatabaseConnection);

impl Reader {
    pub(crate) fn new(connection: DatabaseConnection) -> Self {
        Self(connection)
    }

    /// Runs statements to completion, whether or not the caller is cancelled.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        statements: impl Statements<DatabaseConnection, T>,
    ) -> Result<T, StoreError> {
        let connection = self.0.clone();
        run_to_completion(async move { statements(&connection).await }).await
    }

    /// Kind of the database.
    pub(crate) fn backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }

    /// Closes the connections as soon as they are idle.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.0.close_by_ref().await.map_err(|error| to_store_error(&error))
    }
}
