//! Soak tests of power cuts: unsynced writes to an SQLite database are lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::databases::{FreshDatabase, Kind};
use testkit::disk_faults::UnsyncedWrites;
use testkit::iterations::iterations;
use tokio::time::sleep;

use super::disk_faults::{disk_under, start};
use super::{assert_kept, kill_under_load};
use crate::harness::unlimited_sandbox;

#[tokio::test(flavor = "multi_thread")]
async fn soak_acknowledged_logins_survive_power_cuts_under_load() {
    let sandbox = Arc::new(unlimited_sandbox().await);
    let rounds = iterations(3, 400);
    let begun = Instant::now();
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let disk = disk_under(&database, 0);
    // Slow syncs, as on a busy disk, leave time to cut the power between a write and its sync.
    disk.delay_syncs(Duration::from_millis(30));
    let mut program = start(database, &sandbox, &disk).await;
    let mut kept = 0;
    let mut unsynced = 0;
    for round in 0..rounds {
        // The cut is within the first half of a second, at another time in each round, during a commit.
        let moment = async {
            sleep(Duration::from_millis((round as u64 * 97) % 400)).await;
            disk.await_unsynced_writes().await;
        };
        let (database, acknowledged) = kill_under_load(program, &sandbox, moment).await;
        let writes = if round % 2 == 0 { UnsyncedWrites::Random } else { UnsyncedWrites::Lost };
        unsynced += disk.cut_power(writes);
        program = start(database, &sandbox, &disk).await;
        assert_kept(&program, &sandbox, &acknowledged).await;
        kept += acknowledged.len();
    }
    assert!(kept >= rounds, "only {kept} logins were acknowledged");
    println!(
        "{rounds} power cuts during commits under load, {unsynced} unsynced writes: {kept} acknowledged logins, none lost, \
         none duplicated, {:.0?}",
        begun.elapsed()
    );
}

/// The test above is able to fail: on a disk that lies about syncs, acknowledged logins are lost.
#[tokio::test(flavor = "multi_thread")]
async fn power_cut_of_a_lying_disk_is_detected() {
    let sandbox = Arc::new(unlimited_sandbox().await);
    let database = FreshDatabase::new(Kind::Sqlite).await;
    let disk = disk_under(&database, 0);
    let program = start(database, &sandbox, &disk).await;
    disk.ignore_syncs();
    let (database, acknowledged) =
        kill_under_load(program, &sandbox, sleep(Duration::from_millis(500))).await;
    assert_ne!(disk.cut_power(UnsyncedWrites::Lost), 0);
    let program = start(database, &sandbox, &disk).await;
    let members: i64 = program.query("SELECT COUNT(*) FROM member").await;
    assert!(!acknowledged.is_empty());
    assert!(usize::try_from(members).unwrap() < acknowledged.len(), "{members} members");
}
