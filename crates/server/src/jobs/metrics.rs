//! Metrics of the background jobs.

use std::time::Duration;

use domain::model::event::delivery::ReceiverName;
use domain::use_cases::cleanup::Backlog;
use domain::use_cases::event::deliver::Outcome;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// Values of the label `outcome`.
const OUTCOMES: [&str; 3] = ["delivered", "failed", "abandoned"];

type Labels<const N: usize> = [(&'static str, String); N];

/// Counters and gauges of the jobs; clones share them.
#[derive(Clone, Default)]
pub struct JobMetrics {
    restarts: Family<Labels<1>, Counter>,
    webhook_attempts: Family<Labels<2>, Counter>,
    webhook_oldest: Family<Labels<1>, Gauge>,
    cleanup_backlog: Family<[(&'static str, &'static str); 1], Gauge>,
}

impl JobMetrics {
    /// Registers the metrics for exposition.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Background jobs that panicked or ended early and were started again";
        registry.register("job_restarts", help, self.restarts.clone());
        let help = "Webhook delivery attempts by receiver and outcome";
        registry.register("webhook_attempts", help, self.webhook_attempts.clone());
        let name = "webhook_oldest_undelivered";
        let help = "Age of the oldest undelivered event of a receiver; 0 if there is none";
        registry.register_with_unit(name, help, Unit::Seconds, self.webhook_oldest.clone());
        let help = "Time since the oldest row of a cleanup duty should have been deleted; 0 if none is overdue";
        let backlog = self.cleanup_backlog.clone();
        registry.register_with_unit("cleanup_backlog", help, Unit::Seconds, backlog);
    }

    /// Exposes a job before its first restart.
    pub(crate) fn add_job(&self, job: &str) {
        drop(self.restarts.get_or_create(&[("job", job.to_owned())]));
    }

    /// Counts a restart of a job.
    pub(crate) fn record_restart(&self, job: &str) {
        self.restarts.get_or_create(&[("job", job.to_owned())]).inc();
    }

    /// Number of restarts of a job.
    #[cfg(test)]
    pub(crate) fn restarts(&self, job: &str) -> u64 {
        self.restarts.get_or_create(&[("job", job.to_owned())]).get()
    }

    /// Exposes a receiver before its first delivery.
    pub(crate) fn add_receiver(&self, receiver: &ReceiverName) {
        for outcome in OUTCOMES {
            drop(self.webhook_attempts.get_or_create(&attempt_labels(receiver, outcome)));
        }
        self.set_oldest_undelivered(receiver, Duration::ZERO);
    }

    /// Counts a delivery attempt.
    pub(crate) fn record_attempt(&self, receiver: &ReceiverName, outcome: &Outcome) {
        let [delivered, failed, abandoned] = OUTCOMES;
        let outcome = match outcome {
            Outcome::Delivered => delivered,
            Outcome::Retry(_) => failed,
            Outcome::Abandoned(_) => abandoned,
        };
        self.webhook_attempts.get_or_create(&attempt_labels(receiver, outcome)).inc();
    }

    /// Sets the age of a receiver's oldest undelivered event; zero if there is none.
    pub(crate) fn set_oldest_undelivered(&self, receiver: &ReceiverName, age: Duration) {
        let label = ("receiver", receiver.as_str().to_owned());
        let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        self.webhook_oldest.get_or_create(&[label]).set(seconds);
    }

    /// Sets the backlogs of the cleanup.
    pub(crate) fn set_cleanup_backlogs(&self, backlogs: &[Backlog]) {
        for Backlog { duty, age } in backlogs {
            let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
            self.cleanup_backlog.get_or_create(&[("duty", *duty)]).set(seconds);
        }
    }
}

fn attempt_labels(receiver: &ReceiverName, outcome: &'static str) -> Labels<2> {
    [("receiver", receiver.as_str().to_owned()), ("outcome", outcome.to_owned())]
}
