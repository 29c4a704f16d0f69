//! Crowds at the door, over every database.

use std::time::Instant;

use testkit::contract::concurrent_logins::{CONCURRENCY, LoginFixture};
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
    let store = open(&database, CONNECTIONS).await;
    let rounds = iterations(1, 50);
    let begun = Instant::now();
    for _ in 0..rounds {
        for people in [1, 10] {
            LoginFixture::new(store.clone()).concurrent_first_logins_yield_one_member_each(people).await;
            assert_eq!(count(&database).await, people);
            clear(&database).await;
        }
        LoginFixture::new(store.clone()).concurrent_first_logins_through_two_apps_yield_one_member().await;
        assert_eq!(count(&database).await, 1);
        clear(&database).await;
    }
    println!(
        "{:?}: {rounds} rounds of {CONCURRENCY} first logins at once of one openid, of ten, and of one union \
         id in two apps: exactly the right members, no error, {:.1?}",
        database.kind(),
        begun.elapsed()
    );
}

async fn soak_logins_go_on_while_members_are_merged_and_erased(database: FreshDatabase) {
    let store = open(&database, CONNECTIONS).await;
    let rounds = iterations(1, 20);
    let begun = Instant::now();
    for _ in 0..rounds {
        LoginFixture::new(store.clone()).concurrent_logins_merge_members_once(10).await;
        assert_eq!(count(&database).await, 10);
        clear(&database).await;
        LoginFixture::new(store.clone()).logins_succeed_while_members_are_erased(5).await;
        clear(&database).await;
    }
    println!(
        "{:?}: {rounds} rounds of {CONCURRENCY} logins at once while twenty members become ten, and while five \
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
