//! Every order in which people become known, over the store in memory.

use std::sync::Arc;

use testkit::contract::login_sequences;
use testkit::iterations::iterations;
use testkit::memory::MemoryStore;

#[tokio::test]
async fn soak_nobody_is_lost_doubled_mixed_up_or_locked_out_in_any_order() {
    let events = &login_sequences::EVENTS[..iterations(7, 9)];
    let played = login_sequences::play(events, 6, || Arc::new(MemoryStore::default())).await;
    println!("in memory: {played} orders of 6 of {} events", events.len());
    assert_eq!(played, iterations(5_040, 60_480) * 6);
}
