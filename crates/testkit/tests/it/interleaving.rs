//! Tests of the exploration of interleavings.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use testkit::contract::interleavings::explore_all;
use testkit::contract::store::Backend;
use testkit::interleaving::store::Concurrency;
use testkit::interleaving::{Access, Explorer, Gate};
use testkit::memory::MemoryStore;

/// Runs two tasks with these statements, and returns the orders in which they ran.
async fn orders(mut explorer: Explorer, statements: [&'static [Access]; 2]) -> Vec<String> {
    let mut orders = vec![];
    loop {
        let log = Arc::new(Mutex::new(String::new()));
        let mut names = ['a', 'b'].into_iter();
        let tasks = statements.map(|statements| {
            let log = log.clone();
            let name = names.next().unwrap();
            move |gate: Gate| async move {
                for access in statements {
                    gate.wait(*access).await;
                    log.lock().unwrap().push(name);
                }
            }
        });
        explorer.run(tasks).await;
        orders.push(log.lock().unwrap().clone());
        if !explorer.advance() {
            return orders;
        }
    }
}

const READ: Access = Access { reads: 1, locks: 0, commits: 0 };
const COMMIT: Access = Access { reads: 0, locks: 0, commits: 1 };
const OTHER: Access = Access { reads: 0, locks: 2, commits: 0 };

#[tokio::test]
async fn exhaustive_exploration_runs_every_order_once() {
    let orders = orders(Explorer::exhaustive(), [&[OTHER; 3], &[READ; 3]]).await;
    assert_eq!(orders.len(), 20, "6 statements, of which 3 are of the first task: {orders:?}");
    assert_eq!(orders.iter().collect::<HashSet<_>>().len(), 20);
}

#[tokio::test]
async fn independent_statements_are_run_in_one_order() {
    assert_eq!(orders(Explorer::default(), [&[OTHER; 3], &[READ; 3]]).await, ["aaabbb"]);
}

#[tokio::test]
async fn dependent_statements_are_run_in_both_orders() {
    let orders = orders(Explorer::default(), [&[OTHER, COMMIT], &[READ, READ]]).await;
    let commits = |order: &String| order.rfind('a').unwrap();
    let positions: HashSet<_> =
        orders.iter().map(|order| order[..commits(order)].matches('b').count()).collect();
    assert_eq!(positions, HashSet::from([0, 1, 2]), "reads before the commit: {orders:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interleaved_use_cases_have_a_serial_outcome_in_memory() {
    let open = || -> Arc<dyn Backend> { Arc::new(MemoryStore::default()) };
    let explored = explore_all(open, Concurrency::UnitsOfWork, usize::MAX, 1).await;
    assert_eq!(explored.pairs, explored.complete);
    println!("{explored:?}");
}
