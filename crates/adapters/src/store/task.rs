//! Work on a connection, carried to its end whatever becomes of the caller.

use domain::ports::store::StoreError;
use sea_orm::DbErr;
use tracing::{Instrument, info_span};

use crate::store::error::fault;

/// Does the work in a task of its own, which goes on when the caller gives up.
///
/// A phone that goes out of sight drops its request, and with it this future, at any point. sqlx 0.9
/// does not survive that: a dropped `BEGIN` gives a PostgreSQL or MySQL connection back to the pool
/// inside an open transaction, and a statement dropped while it is prepared leaves a MySQL connection
/// one answer behind. So everything that was sent is also read.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::spawn(work.instrument(info_span!("statement")).in_current_span()).await;
    done.map_err(StoreError::new)?.map_err(|error| fault(&error))
}
