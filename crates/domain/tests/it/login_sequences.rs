//! Permutation test of logins over the in-memory store.

use std::sync::Arc;

use testkit::contract::login_sequences;
use testkit::iterations::iterations;
use testkit::memory::MemoryStore;

#[tokio::test]
async fn soak_login_sequences_keep_members_intact() {
    let events = &login_sequences::EVENTS[..iterations(7, 9)];
    let runs = login_sequences::run_all(events, 6, || Arc::new(MemoryStore::default())).await;
    println!("in memory: {runs} runs of 6 of {} events", events.len());
    assert_eq!(runs, iterations(5_040, 60_480) * 6);
}
