//! What operators can see of the events that receivers are told of.

use std::time::Duration;

use domain::model::event::delivery::ReceiverName;
use domain::use_cases::event::deliver::Outcome;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// How an attempt may end.
const OUTCOMES: [&str; 3] = ["delivered", "failed", "given_up"];

type Label = (&'static str, String);

/// Counts attempts, and shows how old the oldest event is that a receiver has not taken.
#[derive(Clone, Default)]
pub struct DeliveryMeters {
    attempts: Family<[Label; 2], Counter>,
    oldest: Family<[Label; 1], Gauge>,
}

impl DeliveryMeters {
    /// Shows operators how it goes.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Attempts to tell receivers of events, by how they ended";
        registry.register("webhook_attempts", help, self.attempts.clone());
        let name = "webhook_oldest_undelivered";
        let help = "Age of the oldest event that a receiver has not taken; 0 when there is none";
        registry.register_with_unit(name, help, Unit::Seconds, self.oldest.clone());
    }

    /// Shows a receiver before anything was told.
    pub(crate) fn add(&self, receiver: &ReceiverName) {
        for outcome in OUTCOMES {
            drop(self.attempts.get_or_create(&labels(receiver, outcome)));
        }
        self.oldest_is(receiver, Duration::ZERO);
    }

    /// Counts an attempt.
    pub(crate) fn ended(&self, receiver: &ReceiverName, outcome: &Outcome) {
        let [delivered, failed, given_up] = OUTCOMES;
        let outcome = match outcome {
            Outcome::Delivered => delivered,
            Outcome::Retry(_) => failed,
            Outcome::Abandoned(_) => given_up,
        };
        self.attempts.get_or_create(&labels(receiver, outcome)).inc();
    }

    /// Shows an age; of nothing, it is zero.
    pub(crate) fn oldest_is(&self, receiver: &ReceiverName, age: Duration) {
        let label = ("receiver", receiver.as_str().to_owned());
        let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        self.oldest.get_or_create(&[label]).set(seconds);
    }
}

fn labels(receiver: &ReceiverName, outcome: &'static str) -> [Label; 2] {
    [("receiver", receiver.as_str().to_owned()), ("outcome", outcome.to_owned())]
}
