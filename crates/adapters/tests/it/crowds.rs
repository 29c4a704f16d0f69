//! Crowds at the door, over every database.

use std::time::Instant;

use testkit::contract::concurrent_logins::{CROWD, Door};
use testkit::databases::FreshDatabase;
use testkit::iterations::iterations;

use crate::store::open;

testkit::on_every_database! {
    soak_a_thousand_first_logins_at_once_make_exactly_the_right_members
    soak_logins_go_on_while_members_are_merged_and_erased
}

/// How many connections the store has: what an installation has by default.
const CONNECTIONS: u32 = 10;

async fn soak_a_thousand_first_logins_at_once_make_exactly_the_right_members(
    database: FreshDatabase,
) {
    let (store, rounds, begun) =
        (open(&database, CONNECTIONS).await, iterations(1, 50), Instant::now());
    for _ in 0..rounds {
        for people in [1, 10] {
            Door::new(store.clone()).people_come(people).await;
            assert_eq!(count(&database).await, people);
            clear(&database).await;
        }
        Door::new(store.clone()).somebody_comes_through_two_apps().await;
        assert_eq!(count(&database).await, 1);
        clear(&database).await;
    }
    println!(
        "{:?}: {rounds} rounds of {CROWD} first logins at once of one openid, of ten, and of one union \
         id in two apps: exactly the right members, no error, {:.1?}",
        database.kind(),
        begun.elapsed()
    );
}

async fn soak_logins_go_on_while_members_are_merged_and_erased(database: FreshDatabase) {
    let (store, rounds, begun) =
        (open(&database, CONNECTIONS).await, iterations(1, 20), Instant::now());
    for _ in 0..rounds {
        Door::new(store.clone()).members_become_one(10).await;
        assert_eq!(count(&database).await, 10);
        clear(&database).await;
        Door::new(store.clone()).members_are_erased_meanwhile(5).await;
        clear(&database).await;
    }
    println!(
        "{:?}: {rounds} rounds of {CROWD} logins at once while twenty members become ten, and while five \
         are erased again and again: no error, {:.1?}",
        database.kind(),
        begun.elapsed()
    );
}

/// How many members there are, without an identity too.
async fn count(database: &FreshDatabase) -> usize {
    database.query::<i64>("SELECT COUNT(*) FROM member").await.try_into().unwrap()
}

/// Forgets everything, since the next crowd's events have the same ids.
async fn clear(database: &FreshDatabase) {
    for table in ["member", "audit_event", "outbox"] {
        database.execute(&format!("DELETE FROM {table}")).await;
    }
}
