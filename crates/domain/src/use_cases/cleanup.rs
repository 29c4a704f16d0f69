//! Cleanup of expired rows.

use std::sync::Arc;
use std::time::Duration;

use crate::model::admin::AdminSessionPolicy;
use crate::model::cleanup::CleanupDuty;
use crate::model::clock::Clock;
use crate::model::event::delivery::ReceiverName;
use crate::model::provider::session_key::SESSION_KEY_TTL;
use crate::model::timestamp::Timestamp;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::store::expired_rows::ExpiredRowReader;
use crate::ports::timer::Timer;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::provider::receive_push::SEEN_PUSH_TTL;
use crate::use_cases::retry::retry_on_contention;

/// Retention of sessions after their expiry.
const SESSION_RETENTION: Duration = Duration::from_hours(24);

/// Retention of events for receivers that are not configured. They may be missing by mistake, or
/// configured on other instances already.
const ORPHAN_RETENTION: Duration = Duration::from_hours(30 * 24);

/// Maximum number of rows that one unit of work deletes. It bounds the time for which locks are held.
const BATCH_SIZE: u64 = 1_000;

/// Time after which a duty starts no further batch. The next run continues.
const DUTY_BUDGET: Duration = Duration::from_secs(20);

/// Deletes expired rows. Any instance runs it about every minute.
///
/// The duties are independent: a duty that fails keeps no other from running. Each one deletes in
/// batches with pauses, so that a backlog of any size delays no login and is removed over several runs.
pub struct Cleanup {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Age of the oldest rows.
    pub expired_rows: Arc<dyn ExpiredRowReader>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Timer of the pauses between batches.
    pub timer: Arc<dyn Timer>,
    /// Lifetime of administrators' sessions.
    pub admin_sessions: AdminSessionPolicy,
    /// Retention of audit events; `None` keeps them forever.
    pub audit_retention: Option<Duration>,
    /// Configured webhook receivers.
    pub receivers: Vec<ReceiverName>,
}

/// Error: some duties failed; their causes are in the log. The other duties were fulfilled.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cleanup of {} failed", duties.join(", "))]
pub struct CleanupError {
    /// Names of the failed duties.
    pub duties: Vec<&'static str>,
}

/// Overdue rows of a duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Name of the duty.
    pub duty: &'static str,
    /// Time since the oldest row should have been deleted; zero if no row is overdue.
    pub age: Duration,
}

impl Cleanup {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            store: ports.store.clone(),
            expired_rows: ports.readers.expired_rows.clone(),
            clock: ports.clock.clone(),
            timer: ports.timer.clone(),
            admin_sessions: policies.admin_sessions,
            audit_retention: policies.audit_retention,
            receivers: policies.webhook_receivers.clone(),
        }
    }

    /// Fulfils every duty, each until no expired row is left or its time budget is used up.
    pub async fn run(&self) -> Result<(), CleanupError> {
        let mut failed = Vec::new();
        for (duty, until) in self.duties(self.clock.now()) {
            let name = duty.name();
            match self.fulfil(&duty, until).await {
                Ok(0) => {}
                Ok(rows) if matches!(duty, CleanupDuty::OrphanedEvents(_)) => {
                    tracing::error!(
                        rows,
                        "deleted webhook events of receivers that are not configured"
                    );
                }
                Ok(rows) => tracing::debug!(duty = name, rows, "deleted expired rows"),
                Err(error) => {
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::error!(duty = name, error, "cleanup failed, will retry");
                    failed.push(name);
                }
            }
        }
        if !failed.is_empty() {
            return Err(CleanupError { duties: failed });
        }
        Ok(())
    }

    /// Returns the backlog of every duty.
    pub async fn backlogs(&self) -> Result<Vec<Backlog>, StoreError> {
        let mut backlogs = Vec::new();
        for (duty, until) in self.duties(self.clock.now()) {
            let oldest = self.expired_rows.oldest_row(&duty).await?;
            let age = oldest.map_or(Duration::ZERO, |oldest| until.since(oldest));
            backlogs.push(Backlog { duty: duty.name(), age });
        }
        Ok(backlogs)
    }

    /// Returns all duties, each with the time of the latest rows that have expired.
    fn duties(&self, now: Timestamp) -> Vec<(CleanupDuty, Timestamp)> {
        let mut duties = vec![
            (CleanupDuty::Redemptions, now),
            (CleanupDuty::Sessions, now.minus(SESSION_RETENTION)),
            (CleanupDuty::SessionKeys, now.minus(SESSION_KEY_TTL)),
            (CleanupDuty::AdminSessions, now.minus(self.admin_sessions.idle)),
            (CleanupDuty::SeenPushes, now.minus(SEEN_PUSH_TTL)),
            (CleanupDuty::OrphanedEvents(self.receivers.clone()), now.minus(ORPHAN_RETENTION)),
        ];
        if let Some(retention) = self.audit_retention {
            duties.push((CleanupDuty::AuditEvents, now.minus(retention)));
        }
        duties
    }

    /// Deletes the rows of one duty in batches, and returns their number. The pause after each batch is as
    /// long as the batch took.
    async fn fulfil(&self, duty: &CleanupDuty, until: Timestamp) -> Result<u64, StoreError> {
        let mut batch_start = self.clock.now();
        let deadline = batch_start.plus(DUTY_BUDGET);
        let mut rows = 0;
        loop {
            let deleted = retry_on_contention(|| self.delete_batch(duty, until)).await?;
            rows += deleted;
            let batch_end = self.clock.now();
            if deleted < BATCH_SIZE || batch_end >= deadline {
                return Ok(rows);
            }
            self.timer.sleep(batch_end.since(batch_start)).await;
            batch_start = self.clock.now();
        }
    }

    async fn delete_batch(&self, duty: &CleanupDuty, until: Timestamp) -> Result<u64, StoreError> {
        let work = self.store.begin().await?;
        let deleted = work.expired_rows().delete_expired(duty, until, BATCH_SIZE).await?;
        work.commit().await?;
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, MutexGuard};

    use super::*;
    use crate::model::clock::MockClock;
    use crate::ports::store::error::Contention;
    use crate::ports::store::expired_rows::{MockExpiredRowReader, MockExpiredRowRepository};
    use crate::ports::store::{MockStore, MockUnitOfWork};
    use crate::ports::timer::MockTimer;
    use crate::use_cases::retry::MAX_ATTEMPTS;

    /// Duration of a batch.
    const BATCH: Duration = Duration::from_secs(3);

    /// Expired rows of each duty, the clock, and the pauses so far.
    struct Simulation {
        now: Timestamp,
        rows: BTreeMap<&'static str, u64>,
        batches: Vec<(&'static str, u64)>,
        failures: u32,
        pauses: Vec<Duration>,
    }

    #[derive(Clone)]
    struct Shared(Arc<Mutex<Simulation>>);

    impl Shared {
        fn new(rows: u64) -> Self {
            let now = Timestamp::from_unix_millis(1_800_000_000_000);
            let rows = CleanupDuty::NAMES.iter().map(|name| (*name, rows)).collect();
            let simulation = Simulation { now, rows, batches: vec![], failures: 0, pauses: vec![] };
            Self(Arc::new(Mutex::new(simulation)))
        }

        fn lock(&self) -> MutexGuard<'_, Simulation> {
            self.0.lock().unwrap()
        }

        /// Deletes a batch, and returns the number of rows.
        fn delete(&self, duty: &CleanupDuty, limit: u64) -> u64 {
            let mut simulation = self.lock();
            simulation.now = simulation.now.plus(BATCH);
            let rows = simulation.rows.get_mut(duty.name()).unwrap();
            let deleted = limit.min(*rows);
            *rows -= deleted;
            simulation.batches.push((duty.name(), deleted));
            deleted
        }

        /// Returns the cleanup of these rows. Batches of duties in `failing` fail with `error`.
        fn cleanup(&self, failing: &'static [&'static str], error: fn() -> StoreError) -> Cleanup {
            let mut store = MockStore::new();
            let mut clock = MockClock::new();
            let mut timer = MockTimer::new();
            let shared = self.clone();
            store.expect_begin().returning(move || {
                let mut rows = MockExpiredRowRepository::new();
                let mut unit = MockUnitOfWork::new();
                let shared = shared.clone();
                rows.expect_delete_expired().times(1).returning(move |duty, _, limit| {
                    if failing.contains(&duty.name()) {
                        shared.lock().failures += 1;
                        return Err(error());
                    }
                    Ok(shared.delete(duty, limit))
                });
                unit.expect_expired_rows().return_const(Box::new(rows) as Box<_>);
                unit.expect_commit().returning(|| Ok(()));
                Ok(Box::new(unit))
            });
            let shared = self.clone();
            clock.expect_now().returning(move || shared.lock().now);
            let shared = self.clone();
            timer.expect_sleep().returning(move |pause| {
                let mut simulation = shared.lock();
                simulation.now = simulation.now.plus(pause);
                simulation.pauses.push(pause);
            });
            Cleanup {
                store: Arc::new(store),
                expired_rows: Arc::new(MockExpiredRowReader::new()),
                clock: Arc::new(clock),
                timer: Arc::new(timer),
                admin_sessions: Policies::for_tests().admin_sessions,
                audit_retention: Some(Duration::from_hours(1)),
                receivers: vec![],
            }
        }
    }

    fn timeout() -> StoreError {
        StoreError::new("the statement timed out")
    }

    #[tokio::test]
    async fn failing_cleanup_duty_keeps_no_other_from_running() {
        let rows = Shared::new(1);
        let failed = rows.cleanup(&["sessions", "audit_events"], timeout).run().await;
        assert_eq!(failed, Err(CleanupError { duties: vec!["sessions", "audit_events"] }));
        assert_eq!(failed.unwrap_err().to_string(), "the cleanup of sessions, audit_events failed");
        let left: Vec<_> =
            rows.lock().rows.clone().into_iter().filter(|(_, rows)| *rows > 0).collect();
        assert_eq!(left, [("audit_events", 1), ("sessions", 1)]);
        rows.cleanup(&[], timeout).run().await.unwrap();
        assert!(rows.lock().rows.values().all(|rows| *rows == 0));
    }

    #[tokio::test]
    async fn contention_of_a_cleanup_batch_is_retried() {
        let rows = Shared::new(1);
        let deadlock = || Contention::new("a deadlock").into();
        let failed = rows.cleanup(&["redemptions"], deadlock).run().await;
        assert_eq!(failed, Err(CleanupError { duties: vec!["redemptions"] }));
        assert_eq!(rows.lock().failures, MAX_ATTEMPTS);
    }

    #[tokio::test]
    async fn cleanup_batches_are_bounded_and_separated_by_pauses_of_their_length() {
        let rows = Shared::new(2 * BATCH_SIZE + 1);
        rows.cleanup(&[], timeout).run().await.unwrap();
        let simulation = rows.lock();
        assert_eq!(simulation.batches.len(), 3 * CleanupDuty::NAMES.len());
        let first: Vec<_> = simulation.batches.iter().take(3).map(|(_, rows)| *rows).collect();
        assert_eq!(first, [BATCH_SIZE, BATCH_SIZE, 1]);
        assert_eq!(simulation.pauses, vec![BATCH; 2 * CleanupDuty::NAMES.len()]);
    }

    #[tokio::test]
    async fn cleanup_duty_ends_with_its_time_budget_and_the_next_run_continues() {
        let rows = Shared::new(6 * BATCH_SIZE);
        rows.cleanup(&[], timeout).run().await.unwrap();
        // Batches end after 3, 9, 15 and 21 seconds.
        assert!(rows.lock().rows.values().all(|rows| *rows == 2 * BATCH_SIZE));
        rows.cleanup(&[], timeout).run().await.unwrap();
        assert!(rows.lock().rows.values().all(|rows| *rows == 0));
    }

    #[tokio::test]
    async fn cleanup_has_every_duty_once() {
        let mut cleanup = Shared::new(0).cleanup(&[], timeout);
        let names = |cleanup: &Cleanup| {
            let duties = cleanup.duties(Timestamp::from_unix_millis(0));
            let mut names: Vec<_> = duties.iter().map(|(duty, _)| duty.name()).collect();
            names.sort_unstable();
            names
        };
        let mut all = CleanupDuty::NAMES.to_vec();
        all.sort_unstable();
        assert_eq!(names(&cleanup), all);
        cleanup.audit_retention = None;
        all.retain(|name| *name != "audit_events");
        assert_eq!(names(&cleanup), all);
    }

    #[tokio::test]
    async fn cleanup_backlog_is_the_time_since_the_oldest_row_expired() {
        let now = Timestamp::from_unix_millis(1_800_000_000_000);
        let mut reader = MockExpiredRowReader::new();
        reader.expect_oldest_row().returning(move |duty| {
            Ok(match duty.name() {
                "sessions" => Some(now.minus(SESSION_RETENTION + BATCH)),
                "audit_events" => Some(now),
                _ => None,
            })
        });
        let cleanup =
            Cleanup { expired_rows: Arc::new(reader), ..Shared::new(0).cleanup(&[], timeout) };
        for Backlog { duty, age } in cleanup.backlogs().await.unwrap() {
            assert_eq!(age, if duty == "sessions" { BATCH } else { Duration::ZERO }, "{duty}");
        }
    }
}
