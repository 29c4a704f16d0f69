//! Interleavings: two concurrent use cases have the outcome of one of their serial orders, in every order of
//! their statements.
//!
//! Each case begins with two members, A and B, whom the provider may reveal to be one person, and with two
//! administrators, Ann and Bob.

mod operation;
mod world;

use std::sync::Arc;

use crate::contract::interleavings::operation::Operation;
use crate::contract::interleavings::world::{Outcome, World};
use crate::contract::store::Backend;
use crate::interleaving::store::Concurrency;
use crate::interleaving::{Explorer, Order};
use crate::memory::MemoryStore;

/// Number of explored cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Pairs of use cases.
    pub pairs: usize,
    /// Pairs of which every order was run.
    pub complete: usize,
    /// Orders of statements.
    pub cases: usize,
    /// Orders in which both use cases were running at some time.
    pub concurrent: usize,
}

impl Explored {
    fn add(&mut self, other: Self) {
        self.pairs += other.pairs;
        self.complete += other.complete;
        self.cases += other.cases;
        self.concurrent += other.concurrent;
    }
}

/// Explores every pair of use cases, each with at most `max_cases` orders of statements. `tasks` pairs are
/// explored at a time, each over a store from `open`, which may be the same one.
pub async fn explore_all(
    open: impl Fn() -> Arc<dyn Backend>,
    concurrency: Concurrency,
    max_cases: usize,
    tasks: usize,
) -> Explored {
    let mut pairs = vec![];
    for (index, one) in Operation::ALL.into_iter().enumerate() {
        pairs.extend(Operation::ALL.into_iter().skip(index).map(|other| [one, other]));
    }
    let mut running = tokio::task::JoinSet::new();
    let mut explored = Explored::default();
    for pair in pairs {
        if running.len() >= tasks {
            explored.add(running.join_next().await.unwrap().unwrap());
        }
        let store = open();
        running.spawn(async move { explore(&store, concurrency, pair, max_cases).await });
    }
    while let Some(pair) = running.join_next().await {
        explored.add(pair.unwrap());
    }
    explored
}

async fn explore(
    store: &Arc<dyn Backend>,
    concurrency: Concurrency,
    pair: [Operation; 2],
    max_cases: usize,
) -> Explored {
    let expected = [serial(pair, 0).await, serial(pair, 1).await];
    let mut search = Explorer::default();
    let mut explored = Explored { pairs: 1, ..Explored::default() };
    loop {
        let world = Arc::new(World::new(store.clone(), &pair).await);
        let tasks = pair.map(|operation| {
            let world = world.clone();
            move |gate| async move { world.run(operation, Some((gate, concurrency))).await }
        });
        let (outcomes, order) = search.run(tasks).await;
        let found = world.outcome(&outcomes).await;
        check(pair, order, &found, &expected);
        world.check_invariants(pair, &outcomes).await;
        explored.cases += 1;
        explored.concurrent += usize::from(order == Order::Concurrent);
        if !search.advance() {
            explored.complete = 1;
            return explored;
        }
        if explored.cases >= max_cases {
            return explored;
        }
    }
}

/// Returns the outcome of one use case after the other, in memory.
async fn serial(pair: [Operation; 2], first: usize) -> Outcome {
    let world = World::new(Arc::new(MemoryStore::default()), &pair).await;
    let [one, other] = pair;
    let outcomes = if first == 0 {
        let outcome = world.run(one, None).await;
        [outcome, world.run(other, None).await]
    } else {
        let outcome = world.run(other, None).await;
        [world.run(one, None).await, outcome]
    };
    world.check_invariants(pair, &outcomes).await;
    world.outcome(&outcomes).await
}

fn check(pair: [Operation; 2], order: Order, found: &Outcome, expected: &[Outcome; 2]) {
    let is_expected = match order {
        Order::Serial { first } => expected.get(first) == Some(found),
        Order::Concurrent => expected.contains(found),
    };
    assert!(is_expected, "{pair:?}, {order:?}: found\n{found:#?}\nexpected one of\n{expected:#?}");
}
