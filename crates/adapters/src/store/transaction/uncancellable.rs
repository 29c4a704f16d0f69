//! Statements that run to completion, whether or not the caller is cancelled.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use domain::model::random::Random;
use domain::ports::store::error::StoreError;
use sea_orm::DbErr;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tracing::{Instrument, info_span};

use crate::store::error::{is_read_only, is_rolled_back, to_store_error};
use crate::store::transaction::generation::ConnectionGeneration;
use crate::system::SystemRandom;

/// Maximum time for a statement. Longer than the timeouts that the servers enforce themselves.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(12);

/// An async closure with statements for a connection.
///
/// The closure borrows the connection for one call, so it cannot keep it.
pub(crate) trait Statements<C, T>:
    for<'a> SendStatements<'a, C, T> + AsyncFnOnce(&C) -> Result<T, DbErr> + Send + 'static
{
}

impl<C, T, F> Statements<C, T> for F where
    F: for<'a> SendStatements<'a, C, T> + AsyncFnOnce(&C) -> Result<T, DbErr> + Send + 'static
{
}

/// States that the future of an async closure is `Send`, which `AsyncFnOnce` alone cannot.
pub(crate) trait SendStatements<'a, C: 'a, T>: FnOnce(&'a C) -> Self::Future {
    /// Future of the closure.
    type Future: Future<Output = Result<T, DbErr>> + Send + 'a;
}

impl<'a, C, T, F, R> SendStatements<'a, C, T> for F
where
    C: 'a,
    F: FnOnce(&'a C) -> R,
    R: Future<Output = Result<T, DbErr>> + Send + 'a,
{
    type Future = R;
}

/// Runs the work to completion. If the caller is cancelled, the work continues in a task of its own.
///
/// A client that disconnects drops its request, and with it this future, at any point. sqlx 0.9 does not
/// survive that: a dropped `BEGIN` returns a PostgreSQL or MySQL connection to the pool inside an open
/// transaction, and a statement dropped while it is being prepared leaves a MySQL connection one response
/// behind. The response to everything that was sent is therefore read. A task for each piece of work from
/// the start would do as well, but would wake another thread every time.
pub(super) async fn run_to_completion<T: Send + 'static>(
    work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Result<T, StoreError> {
    DetachOnDrop(Some(Box::pin(work.instrument(info_span!("statement"))))).await
}

/// Runs statements as [`run_to_completion`] does, and [`within_deadline`].
pub(super) async fn run_within_deadline<T: Send + 'static>(
    generation: Arc<ConnectionGeneration>,
    work: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, StoreError> {
    run_to_completion(Box::pin(within_deadline(generation, work))).await
}

/// Runs statements for at most [`STATEMENT_TIMEOUT`].
///
/// A server that has vanished without closing its connections sends no error, and the operating system
/// waits for it for a quarter of an hour. After the deadline, the connection is not used again.
pub(super) async fn within_deadline<T>(
    generation: Arc<ConnectionGeneration>,
    work: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, StoreError> {
    match timeout(STATEMENT_TIMEOUT, back_off_after_rollback(work)).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            if is_read_only(&error) {
                generation.retire();
            }
            Err(to_store_error(&error))
        }
        Err(_elapsed) => {
            generation.retire();
            Err(StoreError::unavailable(NoResponse))
        }
    }
}

/// The database did not respond in time.
#[derive(Debug, thiserror::Error)]
#[error("the database did not respond within {} seconds", STATEMENT_TIMEOUT.as_secs())]
struct NoResponse;

/// Future that continues in a task of its own when it is dropped before it has ended.
///
/// It is `None` after it has ended or panicked.
struct DetachOnDrop<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Future for DetachOnDrop<T> {
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

impl<T: Send + 'static> Drop for DetachOnDrop<T> {
    fn drop(&mut self) {
        // Without a runtime the connections are gone as well.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work.in_current_span());
        }
    }
}

/// Delays the error by a random time if the database rolled the transaction back because of others.
///
/// The others have finished by then, and transactions that were rolled back together are retried one
/// after the other.
async fn back_off_after_rollback<T>(
    work: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let outcome = work.await;
    if outcome.as_ref().is_err_and(is_rolled_back) {
        let mut random = [0; 1];
        SystemRandom.fill(&mut random);
        sleep(Duration::from_millis(u64::from(random[0] % 32))).await;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::{Notify, oneshot};

    use super::*;

    #[tokio::test]
    async fn work_of_a_cancelled_caller_runs_to_completion() {
        let started = Arc::new(Notify::new());
        let completed = Arc::new(AtomicBool::new(false));
        let (response, responded) = oneshot::channel::<()>();
        let (end, ended) = oneshot::channel::<()>();
        let caller = tokio::spawn(run_to_completion({
            let started = Arc::clone(&started);
            let completed = Arc::clone(&completed);
            async move {
                started.notify_one();
                responded.await.unwrap();
                completed.store(true, Ordering::SeqCst);
                end.send(()).unwrap();
                Ok(())
            }
        }));
        started.notified().await;
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        assert!(!completed.load(Ordering::SeqCst));

        response.send(()).unwrap();
        ended.await.unwrap();
        assert!(completed.load(Ordering::SeqCst));
    }
}
