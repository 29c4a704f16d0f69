//! Failover to a replica behind the same address, under load.

use std::time::{Duration, Instant};

use testkit::databases::{FreshDatabase, Kind, query_all};
use testkit::iterations::iterations;

use super::ProxiedProgram;
use crate::harness::INCONSISTENT_ROWS;
use crate::harness::database_server::ReplicatedDatabase;
use crate::harness::fault_proxy::{Fault, FaultProxy};
use crate::harness::load::{LOAD_SETTINGS, Load};

/// Maximum time from the readiness of the new primary until the service works again.
const RECOVERY_TIME: Duration = Duration::from_secs(15);

/// End of the primary.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outage {
    /// The server is killed, and its connections are closed.
    Killed,
    /// The machine or the network to it vanishes. The connections stay open and silent.
    Vanished,
    /// The server refuses changes. The connections stay open.
    ReadOnly,
}

impl Outage {
    async fn begin(self, database: &mut impl ReplicatedDatabase, proxy: &FaultProxy) {
        match self {
            Self::Killed => database.kill_primary(),
            Self::Vanished => {
                proxy.freeze();
                proxy.sever(Fault::Swallow);
            }
            Self::ReadOnly => database.make_primary_read_only().await,
        }
    }
}

/// Fails over under load, each time with new servers.
async fn fail_over<D: ReplicatedDatabase>(outage: Outage) {
    let rounds = iterations(1, 34);
    let begun = Instant::now();
    let mut users = 0;
    let mut slowest = Duration::ZERO;
    for _ in 0..rounds {
        let (recovery, count) = fail_over_once::<D>(outage).await;
        users += count;
        slowest = slowest.max(recovery);
    }
    println!(
        "{rounds} failovers, primary {outage:?}: {users} users, nothing acknowledged lost, \
         last failure {slowest:.1?} after the promotion, {:.0?}",
        begun.elapsed()
    );
}

/// Fails over once. Returns the time until the last failure, and the number of users.
async fn fail_over_once<D: ReplicatedDatabase>(outage: Outage) -> (Duration, usize) {
    let mut database = D::start().await;
    let keys = FreshDatabase::new(Kind::Sqlite).await;
    let service = ProxiedProgram::start_in(keys, &database.primary_url(), &LOAD_SETTINGS).await;
    let ProxiedProgram { program, proxy, sandbox } = &service;
    let admin = program.admin("ann", "admin").await;
    let mut load = Load::start(&admin, sandbox).await;

    outage.begin(&mut database, proxy).await;
    if outage == Outage::Vanished {
        // Callers still wait for the former primary.
        load.run_for(Duration::from_secs(1)).await;
    } else {
        load.await_readiness(false).await;
    }
    database.promote_replica().await;
    proxy.switch_to(&database.replica_url());
    proxy.thaw();
    let recovery = load.recover(Instant::now()).await;
    assert!(recovery.first_success < RECOVERY_TIME, "{outage:?}: {recovery:?}");
    assert!(recovery.last_failure < RECOVERY_TIME, "{outage:?}: {recovery:?}");

    load.await_readiness(true).await;
    let users = load.stop_and_verify(program).await;
    let new_primary = database.replica_url();
    assert_eq!(query_all::<i64>(&new_primary, INCONSISTENT_ROWS).await.unwrap(), [0]);
    let members: Vec<i64> = query_all(&new_primary, "SELECT COUNT(*) FROM member").await.unwrap();
    assert_eq!(members, [i64::try_from(users).unwrap()]);
    (recovery.last_failure, users)
}

mod on_postgresql {
    use super::{Outage, fail_over};
    use crate::harness::database_server::postgresql::Postgresql;

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_failover_from_a_killed_primary_loses_nothing_acknowledged() {
        fail_over::<Postgresql>(Outage::Killed).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_failover_from_a_vanished_primary_loses_nothing_acknowledged() {
        fail_over::<Postgresql>(Outage::Vanished).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_failover_from_a_read_only_primary_loses_nothing_acknowledged() {
        fail_over::<Postgresql>(Outage::ReadOnly).await;
    }
}

mod on_mariadb {
    use super::{Outage, fail_over};
    use crate::harness::database_server::mariadb::Mariadb;

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_failover_from_a_killed_primary_loses_nothing_acknowledged() {
        fail_over::<Mariadb>(Outage::Killed).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_failover_from_a_vanished_primary_loses_nothing_acknowledged() {
        fail_over::<Mariadb>(Outage::Vanished).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn soak_failover_from_a_read_only_primary_loses_nothing_acknowledged() {
        fail_over::<Mariadb>(Outage::ReadOnly).await;
    }
}
