//! Cancellation: a client that disconnects drops its request at any await point.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use domain::model::identity::Subject;

use super::{Backend, RANDOM, Shared, log_in, open_id, owner_of, run_concurrently};

/// Polls `work` at most `polls` times and then drops it. Returns `true` if it completed.
///
/// Every poll but the first follows a wake-up. An increasing number of polls therefore cancels at every
/// await point of `work`, independently of timing.
async fn cancel_after(polls: u64, work: impl Future) -> bool {
    let mut work = pin!(work);
    let mut left = polls;
    let done = poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match work.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    });
    done.await
}

/// Asserts that a login was stored completely or not at all.
async fn assert_whole(store: &dyn Backend, subject: &Subject) {
    if let Some(owner) = owner_of(store, subject).await {
        assert!(
            store.find(owner.member.id).await.unwrap().is_some(),
            "an identity without a member"
        );
    }
    let session = log_in(store, subject).await.unwrap();
    assert_eq!(owner_of(store, subject).await.unwrap().member.id, session.member);
}

/// Each login is cancelled one await point later than the previous one, until one completes.
pub async fn cancelled_login_leaves_no_partial_data(store: Shared) {
    for round in 0..5 {
        let mut polls = 1;
        loop {
            let subject = open_id(&format!("o{round}-{polls}"));
            let done = cancel_after(polls, log_in(&*store, &subject)).await;
            assert_whole(&*store, &subject).await;
            if done {
                break;
            }
            polls += 1;
            assert!(polls < 1_000, "a login never completes");
        }
    }
}

/// A cancelled waiter does not block the waiters behind it.
pub async fn cancelled_waiter_leaves_the_write_queue(store: Shared) {
    let first = store.begin().await.unwrap();
    for _ in 0..200 {
        cancel_after(1, store.begin()).await;
    }
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { log_in(&*store, &open_id("o1")).await })
    };
    first.commit().await.unwrap();
    waiting.await.unwrap().unwrap();
}

/// Many concurrent logins of a few users, most of them cancelled at some point.
pub async fn concurrent_cancellations_leave_the_store_usable(store: Shared) {
    for _ in 0..10 {
        let logins = (0..100).map(|nth| {
            let store = Arc::clone(&store);
            let polls = RANDOM.next() % 24;
            async move {
                let subject = open_id(&format!("o{}", nth % 10));
                cancel_after(polls, log_in(&*store, &subject)).await
            }
        });
        run_concurrently(logins).await;
    }
    for nth in 0..10 {
        assert_whole(&*store, &open_id(&format!("o{nth}"))).await;
    }
}
