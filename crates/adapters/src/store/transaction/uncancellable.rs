//! Work on a connection, carried to its end whatever becomes of the caller.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use domain::model::random::Random;
use domain::ports::store::error::StoreError;
use sea_orm::DbErr;
use tokio::runtime::Handle;
use tokio::time::sleep;
use tracing::{Instrument, info_span};

use crate::store::error::{fault, is_undone};
use crate::system::SystemRandom;

/// Does the work; when the caller gives up, it goes on in a task of its own.
///
/// A phone that goes out of sight drops its request, and with it this future, at any point. sqlx 0.9
/// does not survive that: a dropped `BEGIN` gives a PostgreSQL or MySQL connection back to the pool
/// inside an open transaction, and a statement dropped while it is prepared leaves a MySQL connection
/// one answer behind. So everything that was sent is also read. A task for each piece of work from its
/// beginning would do as well, at the price of waking another thread for each.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, StoreError> {
    let work = in_turn(work.instrument(info_span!("statement")));
    Unstoppable(Some(Box::pin(work))).await.map_err(|error| fault(&error))
}

/// Work that goes on though it is dropped. There is none left once it has ended, or panicked.
struct Unstoppable<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Future for Unstoppable<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(mut work) = self.0.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Unstoppable<T> {
    fn drop(&mut self) {
        // Without a runtime the connections have gone as well.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work.in_current_span());
        }
    }
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
