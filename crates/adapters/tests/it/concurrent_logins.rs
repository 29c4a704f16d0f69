//! Concurrent logins, over every database.

use std::time::Instant;

use testkit::contract::concurrent_logins::{CONCURRENCY, LoginFixture};
use testkit::databases::FreshDatabase;
use testkit::iterations::iterations;

use crate::store::open;

testkit::on_every_database! {
    soak_concurrent_first_logins_yield_one_member_each
    soak_logins_succeed_during_merges_and_erasures
}

/// Number of connections, as in the default configuration.
const CONNECTIONS: u32 = 10;

async fn soak_concurrent_first_logins_yield_one_member_each(database: FreshDatabase) {
    let store = open(&database, CONNECTIONS).await;
    let rounds = iterations(1, 50);
    let started = Instant::now();
    for _ in 0..rounds {
        for people in [1, 10] {
            let fixture = LoginFixture::new(store.clone());
            fixture.concurrent_first_logins_yield_one_member_each(people).await;
            assert_eq!(count(&database).await, people);
            clear(&database).await;
        }
        let fixture = LoginFixture::new(store.clone());
        fixture.concurrent_first_logins_through_two_apps_yield_one_member().await;
        assert_eq!(count(&database).await, 1);
        clear(&database).await;
    }
    println!(
        "{:?}: {rounds} rounds of {CONCURRENCY} concurrent first logins of one openid, of ten, and of \
         one union id in two apps: exactly the right members, no error, {:.1?}",
        database.kind(),
        started.elapsed()
    );
}

async fn soak_logins_succeed_during_merges_and_erasures(database: FreshDatabase) {
    let store = open(&database, CONNECTIONS).await;
    let rounds = iterations(1, 20);
    let started = Instant::now();
    for _ in 0..rounds {
        LoginFixture::new(store.clone()).concurrent_logins_merge_members_once(10).await;
        assert_eq!(count(&database).await, 10);
        clear(&database).await;
        LoginFixture::new(store.clone()).logins_succeed_while_members_are_erased(5).await;
        clear(&database).await;
    }
    println!(
        "{:?}: {rounds} rounds of {CONCURRENCY} concurrent logins while twenty members are merged into \
         ten, and while five are erased repeatedly: no error, {:.1?}",
        database.kind(),
        started.elapsed()
    );
}

/// Number of members, including members without an identity.
async fn count(database: &FreshDatabase) -> usize {
    database.query::<i64>("SELECT COUNT(*) FROM member").await.try_into().unwrap()
}

/// Deletes all rows, because the events of the next run have the same ids.
async fn clear(database: &FreshDatabase) {
    for table in ["member", "audit_event", "outbox"] {
        database.execute(&format!("DELETE FROM {table}")).await;
    }
}
