//! Units of work that wait for each other: the server undoes one, and it is done again.

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
    of_two_in_each_others_way_one_is_told_to_begin_again
}

static CHANCE: FixedRandom = FixedRandom::seeded(5);

fn member() -> Member {
    let nickname = Nickname::parse("Ann").unwrap();
    Member::register(MemberId::generate(NOW, &CHANCE), nickname, None, NOW)
}

fn is_contention(outcome: Result<(), UpdateError>) -> bool {
    let Err(error) = outcome.map_err(StoreError::from) else { return false };
    let mut causes = successors(error.source(), |cause| (*cause).source());
    assert!(causes.any(<dyn Error>::is::<Contention>), "{error:?}");
    true
}

async fn of_two_in_each_others_way_one_is_told_to_begin_again(database: FreshDatabase) {
    let store = open(&database, 2).await;
    let (a, b) = (member(), member());
    let work = store.begin().await.unwrap();
    work.members().add(&a).await.unwrap();
    work.members().add(&b).await.unwrap();
    work.commit().await.unwrap();

    let (one, other) = (store.begin().await.unwrap(), store.begin().await.unwrap());
    one.members().update(&a).await.unwrap();
    other.members().update(&b).await.unwrap();
    let outcomes = tokio::join!(one.members().update(&b), other.members().update(&a));
    let lost = [is_contention(outcomes.0), is_contention(outcomes.1)];
    assert_eq!(lost.iter().filter(|lost| **lost).count(), 1);
    let winner = if lost[0] { other } else { one };
    winner.commit().await.unwrap();
}
