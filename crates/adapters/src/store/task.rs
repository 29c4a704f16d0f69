//! Work on a connection, carried to its end whatever becomes of the caller.

use std::time::Duration;

use domain::ports::random::Random;
use domain::ports::store::StoreError;
use sea_orm::DbErr;
use tokio::time::sleep;
use tracing::{Instrument, info_span};

use crate::store::error::{fault, is_undone};
use crate::system::SystemRandom;

/// Does the work in a task of its own, which goes on when the caller gives up.
///
/// A phone that goes out of sight drops its request, and with it this future, at any point. sqlx 0.9
/// does not survive that: a dropped `BEGIN` gives a PostgreSQL or MySQL connection back to the pool
/// inside an open transaction, and a statement dropped while it is prepared leaves a MySQL connection
/// one answer behind. So everything that was sent is also read.
pub(super) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, StoreError> {
    let work = in_turn(work.instrument(info_span!("statement")));
    let done = tokio::spawn(work.in_current_span()).await;
    done.map_err(StoreError::new)?.map_err(|error| fault(&error))
}

/// Does the work; if the transaction was undone for the sake of others, tells only after a moment: they
/// are done by then, and those who were undone together begin again one after the other.
async fn in_turn<T>(work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let done = work.await;
    if done.as_ref().is_err_and(is_undone) {
        let mut drawn = [0; 1];
        SystemRandom.fill(&mut drawn);
        sleep(Duration::from_millis(u64::from(drawn[0] % 32))).await;
    }
    done
}
