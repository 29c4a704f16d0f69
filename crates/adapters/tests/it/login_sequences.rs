//! Every order in which people become known, over SQLite.

use std::time::Instant;

use testkit::contract::login_sequences;
use testkit::databases::Kind;
use testkit::iterations::iterations;

use crate::store::fresh;

#[tokio::test]
async fn soak_nobody_is_lost_doubled_mixed_up_or_locked_out_in_any_order_on_sqlite() {
    let (store, _folder) = fresh(Kind::Sqlite).await;
    let (length, events) = (iterations(5, 6), &login_sequences::EVENTS[..iterations(5, 7)]);
    let begun = Instant::now();
    let played = login_sequences::play(events, length, || store.clone()).await;
    let (of, elapsed) = (events.len(), begun.elapsed());
    println!("SQLite: {played} orders of {length} of {of} events in {elapsed:?}");
    assert_eq!(played, iterations(120, 5_040) * 6);
}
