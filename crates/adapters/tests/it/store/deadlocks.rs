//! Deadlocks: the server rolls back one of the units of work, which is then retried.

use std::error::Error;
use std::iter::successors;

use domain::model::member::nickname::Nickname;
use domain::model::member::{Member, MemberId};
use domain::model::timestamp::Timestamp;
use domain::ports::store::Store;
use domain::ports::store::error::{Contention, StoreError, UpdateError};
use testkit::databases::FreshDatabase;
use testkit::fake::random::FixedRandom;

use super::open;

const NOW: Timestamp = Timestamp::from_unix_millis(1_795_168_800_123);

testkit::on_every_server! {
    deadlock_victim_reports_contention
}

static RANDOM: FixedRandom = FixedRandom::seeded(5);

fn member() -> Member {
    let nickname = Nickname::parse("Ann").unwrap();
    Member::register(MemberId::generate(NOW, &RANDOM), nickname, None, NOW)
}

fn is_contention(outcome: Result<(), UpdateError>) -> bool {
    let Err(error) = outcome.map_err(StoreError::from) else { return false };
    let mut causes = successors(error.source(), |cause| (*cause).source());
    assert!(causes.any(<dyn Error>::is::<Contention>), "{error:?}");
    true
}

async fn deadlock_victim_reports_contention(database: FreshDatabase) {
    let store = open(&database, 2).await;
    let a = member();
    let b = member();
    let unit = store.begin().await.unwrap();
    unit.members().add(&a).await.unwrap();
    unit.members().add(&b).await.unwrap();
    unit.commit().await.unwrap();

    let first = store.begin().await.unwrap();
    let second = store.begin().await.unwrap();
    first.members().update(&a).await.unwrap();
    second.members().update(&b).await.unwrap();
    let outcomes = tokio::join!(first.members().update(&b), second.members().update(&a));
    let is_victim = [is_contention(outcomes.0), is_contention(outcomes.1)];
    assert_eq!(is_victim.iter().filter(|is_victim| **is_victim).count(), 1);
    let winner = if is_victim[0] { second } else { first };
    winner.commit().await.unwrap();
}
