//! Retry of units of work that lost against a concurrent one.

use std::error::Error;
use std::iter::successors;

use crate::ports::store::error::Contention;

/// Maximum number of attempts at a unit of work.
///
/// The second attempt sees the rows of the winner. Further ones are for winners that were rolled back, and
/// for many concurrent requests.
pub const MAX_ATTEMPTS: u32 = 5;

/// Runs `work`, a unit of work from begin to commit, and repeats it while [`Contention`] is among the
/// sources of its error.
pub async fn retry_on_contention<T, E, W>(work: impl Fn() -> W) -> Result<T, E>
where
    E: Error + 'static,
    W: Future<Output = Result<T, E>>,
{
    for _ in 1..MAX_ATTEMPTS {
        match work().await {
            Err(error) if is_contention(&error) => {}
            outcome => return outcome,
        }
    }
    work().await
}

fn is_contention(error: &(dyn Error + 'static)) -> bool {
    successors(Some(error), |error| (*error).source()).any(<dyn Error>::is::<Contention>)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use super::*;
    use crate::ports::store::error::StoreError;

    fn deadlock() -> StoreError {
        StoreError::from(Contention::new("a deadlock"))
    }

    #[tokio::test]
    async fn contention_is_retried_until_success() {
        let attempts = Cell::new(0);
        let work = || {
            attempts.set(attempts.get() + 1);
            ready(if attempts.get() < MAX_ATTEMPTS { Err(deadlock()) } else { Ok(()) })
        };
        retry_on_contention(work).await.unwrap();
        assert_eq!(attempts.get(), MAX_ATTEMPTS);
    }

    #[tokio::test]
    async fn retry_stops_after_max_attempts() {
        let attempts = Cell::new(0);
        let work = || {
            attempts.set(attempts.get() + 1);
            ready(Err::<(), _>(deadlock()))
        };
        retry_on_contention(work).await.unwrap_err();
        assert_eq!(attempts.get(), MAX_ATTEMPTS);
    }

    #[tokio::test]
    async fn other_errors_are_not_retried() {
        let attempts = Cell::new(0);
        let work = || {
            attempts.set(attempts.get() + 1);
            ready(Err::<(), _>(StoreError::new("the disk is full")))
        };
        retry_on_contention(work).await.unwrap_err();
        assert_eq!(attempts.get(), 1);
    }
}
