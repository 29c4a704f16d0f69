//! A unit of work that came to nothing because others were quicker is done again, a few times.

use std::error::Error;
use std::iter::successors;

use crate::ports::store::error::Contention;

/// How often a unit of work is done at most. The second time it sees what the winner wrote; the others
/// are for winners that were undone meanwhile, and for crowds.
pub const MAX_ATTEMPTS: u32 = 5;

/// Does `work`, a unit of work from its beginning to its end, and does it again while [`Contention`] is
/// among the causes of its failure.
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

    fn lost() -> StoreError {
        StoreError::from(Contention::new("a deadlock"))
    }

    #[tokio::test]
    async fn what_lost_to_others_is_done_again_until_it_is_done() {
        let done = Cell::new(0);
        let work = || {
            done.set(done.get() + 1);
            ready(if done.get() < MAX_ATTEMPTS { Err(lost()) } else { Ok(()) })
        };
        retry_on_contention(work).await.unwrap();
        assert_eq!(done.get(), MAX_ATTEMPTS);
    }

    #[tokio::test]
    async fn it_is_given_up_in_the_end() {
        let done = Cell::new(0);
        let work = || {
            done.set(done.get() + 1);
            ready(Err::<(), _>(lost()))
        };
        retry_on_contention(work).await.unwrap_err();
        assert_eq!(done.get(), MAX_ATTEMPTS);
    }

    #[tokio::test]
    async fn another_failure_is_told_at_once() {
        let done = Cell::new(0);
        let work = || {
            done.set(done.get() + 1);
            ready(Err::<(), _>(StoreError::new("the disk is full")))
        };
        retry_on_contention(work).await.unwrap_err();
        assert_eq!(done.get(), 1);
    }
}
