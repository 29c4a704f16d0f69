//! Systematic exploration of the interleavings of two concurrent use cases.
//!
//! [`Explorer`] runs two tasks again and again. Each task waits for its turn before each statement, at the
//! [`Gate`] of its [`InterleavedStore`](store::InterleavedStore). The explorer decides which one continues,
//! until every order has been run. Two orders that differ only in neighbouring statements that do not affect
//! each other are the same order (dynamic partial-order reduction: Flanagan and Godefroid 2005).
//!
//! A statement that waits for a row lock of the other task does not return. It is recognized by a time-out,
//! and the other task continues.

pub mod store;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

/// Time after which a statement is considered to wait for a row lock. Longer than the random delay of a
/// store after a deadlock.
const BLOCKED_AFTER: Duration = Duration::from_millis(60);

/// Maximum duration of a deadlock until the database resolves it.
const STUCK_AFTER: Duration = Duration::from_secs(30);

/// Number of tasks.
pub const TASKS: usize = 2;

/// Tables that a statement concerns, as a set of bits.
pub type Tables = u8;

/// Effect of a statement on concurrent transactions at the isolation level READ COMMITTED.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Tables from which committed rows are read.
    pub reads: Tables,
    /// Tables of which rows are changed or locked.
    pub locks: Tables,
    /// Tables of which changes are committed, or locks released.
    pub commits: Tables,
}

impl Access {
    /// Returns `true` if the order of two statements of different transactions matters.
    #[must_use]
    pub fn is_dependent_on(self, other: Self) -> bool {
        let publishes =
            |one: Self, another: Self| one.commits & (another.reads | another.locks) != 0;
        self.locks & other.locks != 0 || publishes(self, other) || publishes(other, self)
    }
}

/// Place at which a task waits for its turn.
#[derive(Clone, Debug)]
pub struct Gate {
    task: usize,
    events: mpsc::UnboundedSender<Event>,
}

#[derive(Debug)]
enum Event {
    Arrived { task: usize, access: Access, turn: oneshot::Sender<()> },
    TransactionEnded { task: usize },
    Done { task: usize },
}

impl Gate {
    /// Waits until the explorer lets the task execute the statement.
    pub async fn wait(&self, access: Access) {
        let (turn, granted) = oneshot::channel();
        let event = Event::Arrived { task: self.task, access, turn };
        if self.events.send(event).is_ok() {
            // An error means that the explorer has ended: the task runs to its end.
            let _ = granted.await;
        }
    }

    /// Reports that the transaction of the task has been committed or rolled back.
    pub fn transaction_ended(&self) {
        let _ = self.events.send(Event::TransactionEnded { task: self.task });
    }
}

/// State of a task during a run.
enum Stage {
    Running { is_blocked: bool },
    Waiting { access: Access, turn: oneshot::Sender<()> },
    Done,
}

/// Decision at one point of a run.
#[derive(Debug)]
struct Decision {
    options: Vec<(usize, Access)>,
    chosen: usize,
    explored: Vec<usize>,
    /// Tasks that must be chosen here in later runs.
    pending: Vec<usize>,
}

impl Decision {
    fn access(&self) -> Access {
        let chosen = self.options.iter().find(|(task, _)| *task == self.chosen);
        chosen.expect("the chosen task was an option").1
    }
}

/// Depth-first search over the decisions of which task continues.
#[derive(Debug, Default)]
pub struct Explorer {
    decisions: Vec<Decision>,
    depth: usize,
    /// Explores every order, also of statements that do not affect each other.
    is_exhaustive: bool,
}

/// Order in which two tasks ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// This task had ended before the other one executed a statement.
    Serial {
        /// Task that ran first.
        first: usize,
    },
    /// Both tasks were running at some time.
    Concurrent,
}

impl Explorer {
    /// Explorer of every order, also of statements that do not affect each other.
    #[must_use]
    pub fn exhaustive() -> Self {
        Self { is_exhaustive: true, ..Self::default() }
    }

    /// Runs two tasks in the current order; each gets its gate.
    pub async fn run<T, F, W>(&mut self, tasks: [F; TASKS]) -> ([T; TASKS], Order)
    where
        F: FnOnce(Gate) -> W,
        W: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.depth = 0;
        let (events, received) = mpsc::unbounded_channel();
        let mut number = 0;
        let running = tasks.map(|task| {
            let gate = Gate { task: number, events: events.clone() };
            number += 1;
            let work = task(gate.clone());
            tokio::spawn(async move {
                let output = work.await;
                let _ = gate.events.send(Event::Done { task: gate.task });
                output
            })
        });
        drop(events);
        self.conduct(received).await;
        let [one, other] = running;
        ([one.await.unwrap(), other.await.unwrap()], self.order())
    }

    /// Prepares the next order. Returns `false` if all have been run.
    pub fn advance(&mut self) -> bool {
        self.decisions.truncate(self.depth);
        self.mark_dependent_decisions();
        while let Some(decision) = self.decisions.last_mut() {
            if let Some(next) = decision.pending.pop() {
                decision.explored.push(next);
                decision.chosen = next;
                return true;
            }
            self.decisions.pop();
        }
        false
    }

    /// Lets one task after the other continue until both are done.
    async fn conduct(&mut self, mut events: mpsc::UnboundedReceiver<Event>) {
        let mut stages = [const { Stage::Running { is_blocked: false } }; TASKS];
        loop {
            settle(&mut stages, &mut events).await;
            let options = stages.iter().enumerate().filter_map(|(task, stage)| match stage {
                Stage::Waiting { access, .. } => Some((task, *access)),
                Stage::Running { .. } | Stage::Done => None,
            });
            let options: Vec<_> = options.collect();
            if options.is_empty() {
                return;
            }
            let chosen = self.choose(options);
            let stage = stages.get_mut(chosen).expect("one of the tasks");
            let running = Stage::Running { is_blocked: false };
            if let Stage::Waiting { turn, .. } = std::mem::replace(stage, running) {
                let _ = turn.send(());
            }
        }
    }

    fn choose(&mut self, options: Vec<(usize, Access)>) -> usize {
        let tasks: Vec<_> = options.iter().map(|(task, _)| *task).collect();
        self.depth += 1;
        if let Some(decision) = self.decisions.get_mut(self.depth - 1) {
            if tasks.contains(&decision.chosen) {
                decision.options = options;
                return decision.chosen;
            }
            // A statement took another time than in the run before. The search continues from here.
            self.decisions.truncate(self.depth - 1);
        }
        let (&chosen, others) = tasks.split_first().expect("a task waits for its turn");
        let pending = if self.is_exhaustive { others.to_vec() } else { vec![] };
        self.decisions.push(Decision { options, chosen, explored: vec![chosen], pending });
        chosen
    }

    /// Finds pairs of dependent statements of different tasks, and demands the reverse order of each.
    fn mark_dependent_decisions(&mut self) {
        for later in 0..self.decisions.len() {
            let Some((before, [decision, ..])) = self.decisions.split_at_mut_checked(later) else {
                return;
            };
            let task = decision.chosen;
            let access = decision.access();
            let mut earlier = before.iter_mut().rev();
            let dependent = earlier
                .find(|earlier| earlier.chosen != task && earlier.access().is_dependent_on(access));
            let Some(dependent) = dependent else { continue };
            let is_option = dependent.options.iter().any(|(option, _)| *option == task);
            if is_option
                && !dependent.explored.contains(&task)
                && !dependent.pending.contains(&task)
            {
                dependent.pending.push(task);
            }
        }
    }

    fn order(&self) -> Order {
        let mut tasks: Vec<_> = self.decisions.iter().map(|decision| decision.chosen).collect();
        tasks.dedup();
        match tasks[..] {
            [first] | [first, _] => Order::Serial { first },
            _ => Order::Concurrent,
        }
    }
}

/// Waits until each task waits for its turn, is done, or is blocked by the other one.
async fn settle(stages: &mut [Stage; TASKS], events: &mut mpsc::UnboundedReceiver<Event>) {
    let mut started = Instant::now();
    loop {
        let is_running = |stage: &&Stage| matches!(stage, Stage::Running { .. });
        let is_moving = |stage: &&Stage| matches!(stage, Stage::Running { is_blocked: false });
        let can_choose = stages.iter().any(|stage| matches!(stage, Stage::Waiting { .. }));
        if !stages.iter().any(|stage| is_running(&stage)) {
            return;
        }
        let time_limit = if stages.iter().any(|stage| is_moving(&stage)) {
            BLOCKED_AFTER
        } else if can_choose {
            // Only the end of the other transaction can release the lock.
            Duration::ZERO
        } else {
            STUCK_AFTER
        };
        match timeout_at(started + time_limit, events.recv()).await {
            Ok(Some(Event::Arrived { task, access, turn })) => {
                *stages.get_mut(task).expect("one of the tasks") = Stage::Waiting { access, turn };
            }
            Ok(Some(Event::Done { task })) => {
                *stages.get_mut(task).expect("one of the tasks") = Stage::Done;
            }
            Ok(Some(Event::TransactionEnded { task })) => {
                for (other, stage) in stages.iter_mut().enumerate() {
                    if let Stage::Running { is_blocked } = stage
                        && other != task
                    {
                        *is_blocked = false;
                    }
                }
                started = Instant::now();
            }
            Ok(None) => return,
            Err(_elapsed) if time_limit.is_zero() => return,
            Err(_elapsed) => {
                assert!(time_limit != STUCK_AFTER, "both tasks wait for each other");
                for stage in stages.iter_mut() {
                    if let Stage::Running { is_blocked } = stage {
                        *is_blocked = true;
                    }
                }
                if can_choose {
                    return;
                }
                started = Instant::now();
            }
        }
    }
}
