//! Units of work that share a commit, on SQLite: none is acknowledged before it, and each can be undone.

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

static CHANCE: FixedRandom = FixedRandom::seeded(11);

fn member() -> Member {
    let nickname = Nickname::parse("Ann").unwrap();
    Member::register(MemberId::generate(NOW, &CHANCE), nickname, None, NOW)
}

/// A unit of work that waits for its turn.
type Waiting = JoinHandle<Result<Box<dyn UnitOfWork>, StoreError>>;

/// Three units of work that waited at the same time, of which the first has its turn.
async fn three(store: &Arc<SeaStore>) -> [Waiting; 3] {
    let before = store.begin().await.unwrap();
    let waiting = [(), (), ()].map(|()| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.begin().await })
    });
    // On this one thread, all of them stand in the queue by then.
    for _ in 0..10 {
        yield_now().await;
    }
    drop(before);
    waiting
}

#[tokio::test]
async fn none_is_acknowledged_before_the_common_commit_and_each_can_be_undone() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let store = open(&database, 2).await;
    let [first, second, third] = three(&store).await;
    let [kept, undone, last] = [(), (), ()].map(|()| member());

    let first = first.await.unwrap().unwrap();
    first.members().add(&kept).await.unwrap();
    let acknowledged = tokio::spawn(first.commit());
    let second = second.await.unwrap().unwrap();
    assert!(second.members().find(kept.id).await.unwrap().is_some(), "they follow one another");
    assert!(!acknowledged.is_finished(), "a crash would take it along");
    assert_eq!(store.find(kept.id).await.unwrap(), None, "others see it when it is lasting");
    second.members().add(&undone).await.unwrap();
    drop(second);

    let third = third.await.unwrap().unwrap();
    assert_eq!(third.members().find(undone.id).await.unwrap(), None);
    assert!(!acknowledged.is_finished());
    third.members().add(&last).await.unwrap();
    third.commit().await.unwrap();
    acknowledged.await.unwrap().unwrap();
    assert_eq!(store.find(kept.id).await.unwrap(), Some(kept));
    assert_eq!(store.find(undone.id).await.unwrap(), None);
    assert_eq!(store.find(last.id).await.unwrap(), Some(last));
}

#[tokio::test]
async fn whoever_gives_up_while_others_wait_holds_up_no_commit() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let store = open(&database, 2).await;
    let [first, second, third] = three(&store).await;
    let kept = member();
    let first = first.await.unwrap().unwrap();
    first.members().add(&kept).await.unwrap();
    second.abort();
    third.abort();
    first.commit().await.unwrap();
    assert_eq!(store.find(kept.id).await.unwrap(), Some(kept));
}

#[tokio::test]
async fn what_is_wiped_waits_for_the_common_commit() {
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let store = open(&database, 2).await;
    let [first, second, third] = three(&store).await;
    let kept = member();
    let first = first.await.unwrap().unwrap();
    first.members().add(&kept).await.unwrap();
    let wiping = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.purge_deleted().await })
    };
    let acknowledged = tokio::spawn(first.commit());
    for waiting in [second, third] {
        drop(waiting.await.unwrap());
    }
    acknowledged.await.unwrap().unwrap();
    wiping.await.unwrap().unwrap();
    assert_eq!(store.find(kept.id).await.unwrap(), Some(kept));
}
