//! Interleavings of use cases, over every database.

use std::sync::Arc;
use std::time::Instant;

use testkit::contract::interleavings::explore_all;
use testkit::contract::store::Backend;
use testkit::databases::{FreshDatabase, Kind};
use testkit::interleaving::store::Concurrency;
use testkit::iterations::iterations;

use crate::store::open;

testkit::on_every_database! {
    soak_interleaved_use_cases_have_a_serial_outcome
}

/// Number of pairs that are explored at a time. Two connections serve each, and one more reads.
const TASKS: usize = 8;

/// Maximum number of orders of each pair in an ordinary test.
const QUICK_CASES: usize = 3;

async fn soak_interleaved_use_cases_have_a_serial_outcome(database: FreshDatabase) {
    let store: Arc<dyn Backend> = open(&database, 3 * u32::try_from(TASKS).unwrap()).await;
    let concurrency = match database.kind() {
        Kind::Sqlite => Concurrency::UnitsOfWork,
        Kind::Postgresql | Kind::Mariadb => Concurrency::Statements,
    };
    if database.kind() == Kind::Postgresql {
        let name = database.url().rsplit('/').next().unwrap();
        // The default of a second would dominate the run time.
        database.execute(&format!("ALTER DATABASE {name} SET deadlock_timeout = '20ms'")).await;
    }
    let started = Instant::now();
    let tasks = if concurrency == Concurrency::Statements { TASKS } else { 1 };
    let explored =
        explore_all(|| store.clone(), concurrency, iterations(QUICK_CASES, usize::MAX), tasks)
            .await;
    println!(
        "{:?}: {} orders of statements of {} pairs of use cases ({} in every order), {} concurrent: each \
         has the outcome of a serial order, {:.1?}",
        database.kind(),
        explored.cases,
        explored.pairs,
        explored.complete,
        explored.concurrent,
        started.elapsed()
    );
}
