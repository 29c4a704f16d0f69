//! Cancellation: a client that disconnects drops its request at any await point.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use domain::model::identity::Subject;

use super::{Backend, CHANCE, Shared, all_at_once, log_in, open_id, owner_of};

/// Polls `work` so many times at most, then drops it where it stands; tells whether it was done.
///
/// Every poll but the first follows a wake-up, so that counting up the polls gives up in every place
/// where `work` ever waits, without any guess about times.
async fn give_up_after(polls: u64, work: impl Future) -> bool {
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

/// Either nothing of a login is there, or all of it.
async fn assert_whole(store: &dyn Backend, subject: &Subject) {
    if let Some(owner) = owner_of(store, subject).await {
        assert!(store.find(owner.member.id).await.unwrap().is_some(), "an identity without a member");
    }
    let session = log_in(store, subject).await.unwrap();
    assert_eq!(owner_of(store, subject).await.unwrap().member.id, session.member);
}

/// One caller after the other gives up one wait later than the one before, until one comes through.
pub async fn a_caller_who_gives_up_anywhere_leaves_nothing_half_made(store: Shared) {
    for round in 0..5 {
        let mut polls = 1;
        loop {
            let subject = open_id(&format!("o{round}-{polls}"));
            let done = give_up_after(polls, log_in(&*store, &subject)).await;
            assert_whole(&*store, &subject).await;
            if done {
                break;
            }
            polls += 1;
            assert!(polls < 1_000, "a login never comes to its end");
        }
    }
}

/// A cancelled waiter does not block the waiters behind it.
pub async fn a_caller_who_gives_up_while_waiting_leaves_the_queue(store: Shared) {
    let first = store.begin().await.unwrap();
    for _ in 0..200 {
        give_up_after(1, store.begin()).await;
    }
    let waiting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { log_in(&*store, &open_id("o1")).await })
    };
    first.commit().await.unwrap();
    waiting.await.unwrap().unwrap();
}

/// Many concurrent logins of a few users, most of them cancelled at some point.
pub async fn crowds_of_callers_who_give_up_leave_the_store_usable(store: Shared) {
    for _ in 0..10 {
        let crowd = (0..100).map(|nth| {
            let store = Arc::clone(&store);
            let polls = CHANCE.next() % 24;
            async move {
                let subject = open_id(&format!("o{}", nth % 10));
                give_up_after(polls, log_in(&*store, &subject)).await
            }
        });
        all_at_once(crowd).await;
    }
    for nth in 0..10 {
        assert_whole(&*store, &open_id(&format!("o{nth}"))).await;
    }
}
