//! Permutation test of logins, over SQLite.

use std::time::Instant;

use testkit::contract::login_sequences;
use testkit::databases::Kind;
use testkit::iterations::iterations;

use crate::store::fresh;

#[tokio::test]
async fn soak_login_sequences_keep_members_intact_on_sqlite() {
    let (store, _folder) = fresh(Kind::Sqlite).await;
    let length = iterations(5, 6);
    let events = &login_sequences::EVENTS[..iterations(5, 7)];
    let started = Instant::now();
    let sequences = login_sequences::run_all(events, length, || store.clone()).await;
    println!(
        "SQLite: {sequences} sequences of {length} of {} events in {:?}",
        events.len(),
        started.elapsed()
    );
    assert_eq!(sequences, iterations(120, 5_040) * 6);
}
