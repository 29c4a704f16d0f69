//! Group commit on SQLite: commits are acknowledged together, and rolled back individually.

use std::sync::Arc;

use adapters::store::SeaStore;
use domain::model::member::nickname::Nickname;
use domain::model::member::{Member, MemberId};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::members::MemberReader;
use domain::ports::store::{Store, UnitOfWork};
use testkit::databases::{FreshDatabase, Kind};
use testkit::fake::random::FixedRandom;
use tokio::task::{JoinHandle, yield_now};

use super::open;

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

static RANDOM: FixedRandom = FixedRandom::seeded(11);

fn member() -> Member {
    let nickname = Nickname::parse("Ann").unwrap();
    Member::register(MemberId::generate(NOW, &RANDOM), nickname, None, NOW)
}

/// Unit of work that waits in the queue.
type Queued = JoinHandle<Result<Box<dyn UnitOfWork>, StoreError>>;

/// Queues up three units of work and lets the first one begin.
async fn queue_three(store: &Arc<SeaStore>) -> [Queued; 3] {
    let before = store.begin().await.unwrap();
    let queued = [(), (), ()].map(|()| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.begin().await })
    });
    // The runtime has one thread, so all of them are in the queue afterwards.
    for _ in 0..10 {
        yield_now().await;
    }
    drop(before);
    queued
}

#[tokio::test]
async fn group_commit_acknowledges_after_commit_and_rolls_back_individually() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let store = open(&database, 2).await;
    let [first, second, third] = queue_three(&store).await;
    let [committed, rolled_back, last] = [(), (), ()].map(|()| member());

    let first = first.await.unwrap().unwrap();
    first.members().add(&committed).await.unwrap();
    let acknowledged = tokio::spawn(first.commit());
    let second = second.await.unwrap().unwrap();
    assert!(second.members().find(committed.id).await.unwrap().is_some(), "a later one sees it");
    assert!(!acknowledged.is_finished(), "acknowledged before the commit is durable");
    assert_eq!(store.find(committed.id).await.unwrap(), None, "read before the commit");
    second.members().add(&rolled_back).await.unwrap();
    drop(second);

    let third = third.await.unwrap().unwrap();
    assert_eq!(third.members().find(rolled_back.id).await.unwrap(), None);
    assert!(!acknowledged.is_finished());
    third.members().add(&last).await.unwrap();
    third.commit().await.unwrap();
    acknowledged.await.unwrap().unwrap();
    assert_eq!(store.find(committed.id).await.unwrap(), Some(committed));
    assert_eq!(store.find(rolled_back.id).await.unwrap(), None);
    assert_eq!(store.find(last.id).await.unwrap(), Some(last));
}

#[tokio::test]
async fn cancelled_callers_in_the_queue_do_not_delay_the_group_commit() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let store = open(&database, 2).await;
    let [first, second, third] = queue_three(&store).await;
    let committed = member();
    let first = first.await.unwrap().unwrap();
    first.members().add(&committed).await.unwrap();
    second.abort();
    third.abort();
    first.commit().await.unwrap();
    assert_eq!(store.find(committed.id).await.unwrap(), Some(committed));
}

#[tokio::test]
async fn purge_waits_for_the_group_commit() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let store = open(&database, 2).await;
    let erased = member();
    let unit = store.begin().await.unwrap();
    unit.members().add(&erased).await.unwrap();
    unit.members().remove(&erased).await.unwrap();
    unit.commit().await.unwrap();
    let [first, second, third] = queue_three(&store).await;
    let committed = member();
    let first = first.await.unwrap().unwrap();
    first.members().add(&committed).await.unwrap();
    let purge = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.purge_deleted().await })
    };
    let acknowledged = tokio::spawn(first.commit());
    for queued in [second, third] {
        drop(queued.await.unwrap());
    }
    acknowledged.await.unwrap().unwrap();
    purge.await.unwrap().unwrap();
    assert_eq!(store.oldest_unpurged().await.unwrap(), None);
    assert_eq!(store.find(committed.id).await.unwrap(), Some(committed));
}
