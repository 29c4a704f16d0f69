//! Severed connections under load, with a database server that accepts new ones.

use std::time::{Duration, Instant};

use testkit::databases::FreshDatabase;
use testkit::iterations::iterations;

use super::ProxiedProgram;
use crate::harness::INCONSISTENT_ROWS;
use crate::harness::fault_proxy::Fault;
use crate::harness::load::{LOAD_SETTINGS, Load};

testkit::on_every_server! {
    soak_service_recovers_from_a_vanished_database_machine
    soak_service_recovers_from_closed_and_reset_connections
}

/// Maximum time until the service works again after the machine of the database has vanished, and another one
/// accepts connections at its address.
const VANISHED_RECOVERY_TIME: Duration = Duration::from_secs(15);

/// Maximum time until the service works again after its connections were closed or reset.
const CLOSED_RECOVERY_TIME: Duration = Duration::from_secs(5);

async fn soak_service_recovers_from_a_vanished_database_machine(database: FreshDatabase) {
    let rounds = iterations(1, 20);
    recover_from(&vec![Fault::Swallow; rounds], VANISHED_RECOVERY_TIME, database).await;
}

async fn soak_service_recovers_from_closed_and_reset_connections(database: FreshDatabase) {
    let rounds = iterations(1, 20);
    recover_from(&[Fault::Cut, Fault::Reset].repeat(rounds), CLOSED_RECOVERY_TIME, database).await;
}

/// Injects the faults one after the other. Checks after each that the service recovers within this time.
async fn recover_from(faults: &[Fault], limit: Duration, database: FreshDatabase) {
    let begun = Instant::now();
    let kind = database.kind();
    let ProxiedProgram { program, proxy, sandbox } =
        ProxiedProgram::start(database, &LOAD_SETTINGS).await;
    let admin = program.admin("ann", "admin").await;
    let mut users = 0;
    let mut slowest = Duration::ZERO;
    for fault in faults {
        let mut load = Load::start(&admin, &sandbox).await;
        let severed = Instant::now();
        proxy.sever(*fault);
        let recovery = load.recover(severed).await;
        assert!(recovery.first_success < limit, "{fault:?}: {recovery:?}");
        assert!(recovery.last_failure < limit, "{fault:?}: {recovery:?}");
        slowest = slowest.max(recovery.last_failure);
        users += load.stop_and_verify(&program).await;
    }
    assert_eq!(program.query::<i64>(INCONSISTENT_ROWS).await, 0);
    let members: i64 = program.query("SELECT COUNT(*) FROM member").await;
    assert_eq!(usize::try_from(members).unwrap(), users);
    println!(
        "{kind:?}: {} times all connections severed: {users} users, nothing acknowledged lost, \
         last failure after {slowest:.1?}, {:.0?}",
        faults.len(),
        begun.elapsed()
    );
}
