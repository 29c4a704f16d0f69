//! Bounded queue of callers that wait for a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::ports::store::error::StoreError;
use tokio::time::timeout;

/// Limits of a queue. Beyond them, callers are refused at once, because their own callers have given up
/// when their turn comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// Maximum number of waiting callers.
    pub(crate) max_waiting: usize,
    /// Maximum time that a caller waits.
    pub(crate) max_wait: Duration,
}

/// Callers that wait for a connection, in order of arrival.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    limits: QueueLimits,
    waiting: Arc<AtomicUsize>,
}

/// Error: a caller was refused a connection.
#[derive(Debug, thiserror::Error)]
enum Overloaded {
    /// The queue is full.
    #[error("{0} requests wait for the database already")]
    Full(usize),
    /// No connection was free in time.
    #[error("no database connection was free within {0:?}")]
    TimedOut(Duration),
}

impl WaitQueue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { limits, waiting: Arc::default() }
    }

    /// Number of waiting callers, for metrics.
    pub(crate) fn length(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.waiting)
    }

    /// Waits for `turn` within the limits. A cancelled caller leaves the queue.
    pub(super) async fn wait_for<T>(&self, turn: impl Future<Output = T>) -> Result<T, StoreError> {
        let place = Place::take(&self.waiting);
        if place.ahead >= self.limits.max_waiting {
            return Err(StoreError::unavailable(Overloaded::Full(place.ahead)));
        }
        let timed_out = |_| StoreError::unavailable(Overloaded::TimedOut(self.limits.max_wait));
        timeout(self.limits.max_wait, turn).await.map_err(timed_out)
    }
}

/// Place in a queue, given up on drop.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    /// Number of callers ahead.
    ahead: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        Self { waiting, ahead: waiting.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::future::{pending, ready};

    use super::*;

    const LIMITS: QueueLimits =
        QueueLimits { max_waiting: 2, max_wait: Duration::from_millis(500) };

    fn cause(error: &StoreError) -> String {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        error.source().unwrap().to_string()
    }

    #[tokio::test]
    async fn a_caller_that_gets_a_connection_leaves_the_queue() {
        let queue = WaitQueue::new(LIMITS);
        assert_eq!(queue.wait_for(ready(7)).await.unwrap(), 7);
        assert_eq!(queue.length().load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_after_the_maximum_time() {
        let queue = WaitQueue::new(LIMITS);
        let error = queue.wait_for(pending::<()>()).await.unwrap_err();
        assert_eq!(cause(&error), "no database connection was free within 500ms");
        assert_eq!(queue.length().load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_callers_at_once_and_cancelled_ones_leave_it() {
        let queue = Arc::new(WaitQueue::new(LIMITS));
        let wait = || {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.wait_for(pending::<()>()).await })
        };
        let waiting = [wait(), wait()];
        while queue.length().load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        let error = queue.wait_for(ready(())).await.unwrap_err();
        assert_eq!(cause(&error), "2 requests wait for the database already");
        for caller in waiting {
            caller.abort();
            caller.await.unwrap_err();
        }
        queue.wait_for(ready(())).await.unwrap();
    }
}
