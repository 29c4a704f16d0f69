//! Every order in which people become known, over the store in memory.

use std::sync::Arc;

use testkit::contract::orders;
use testkit::memory::MemoryStore;
use testkit::trust::rounds;

#[tokio::test]
async fn trust_nobody_is_lost_doubled_mixed_up_or_locked_out_in_any_order() {
    let events = &orders::EVENTS[..rounds(7, 9)];
    let played = orders::play(events, 6, || Arc::new(MemoryStore::default())).await;
    println!("in memory: {played} orders of 6 of {} events", events.len());
    assert_eq!(played, rounds(5_040, 60_480) * 6);
}
