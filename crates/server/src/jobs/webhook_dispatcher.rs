//! Has a receiver told of events, as long as the server runs.

use std::sync::Arc;
use std::time::Duration;

use domain::model::event::DomainEvent;
use domain::model::event::delivery::Delivery;
use domain::ports::store::error::StoreError;
use domain::use_cases::event::deliver::{DeliverEvents, Outcome};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;

use crate::jobs::webhook_metrics::DeliveryMeters;

/// How long after it happened an event is told, at most, where nothing is in the way.
const EVERY: Duration = Duration::from_secs(1);

/// How long nothing is claimed after the store has failed.
const PAUSE: Duration = Duration::from_secs(10);

/// How many attempts at one receiver are under way at a time.
const AT_ONCE: usize = 8;

/// What carries events to one receiver.
pub struct Courier {
    deliver: Arc<DeliverEvents>,
    meters: DeliveryMeters,
    under_way: JoinSet<Attempt>,
    /// Whether the last attempt failed.
    failing: bool,
}

/// An attempt that has ended, and how.
type Attempt = (Delivery, Result<Outcome, StoreError>);

impl Courier {
    /// A courier that counts what it carries.
    #[must_use]
    pub fn new(deliver: DeliverEvents, meters: DeliveryMeters) -> Self {
        meters.add(&deliver.name);
        Self { deliver: Arc::new(deliver), meters, under_way: JoinSet::new(), failing: false }
    }

    /// Carries events until `serving` is dropped at its other end, and sees through what it has begun.
    pub async fn run(mut self, mut serving: watch::Receiver<()>) {
        loop {
            let pause = match self.set_out().await {
                Ok(()) => EVERY,
                Err(error) => {
                    let (receiver, error) = (self.deliver.name.as_str(), chain(error));
                    tracing::error!(receiver, error, "no events can be claimed");
                    PAUSE
                }
            };
            tokio::select! {
                _ = serving.changed() => break,
                Some(ended) = self.under_way.join_next() => self.note(ended),
                () = sleep(pause) => {}
            }
        }
        while let Some(ended) = self.under_way.join_next().await {
            self.note(ended);
        }
    }

    /// Begins as many attempts as may be under way besides those that are.
    async fn set_out(&mut self) -> Result<(), StoreError> {
        let free = AT_ONCE.saturating_sub(self.under_way.len());
        if free > 0 {
            for claimed in self.deliver.claim(free as u64).await? {
                let deliver = Arc::clone(&self.deliver);
                self.under_way.spawn(async move {
                    let ended = deliver.deliver(&claimed).await;
                    (claimed, ended)
                });
            }
        }
        let oldest = self.deliver.oldest().await?;
        let age = oldest.map(|at| self.deliver.clock.now().since(at));
        self.meters.oldest_is(&self.deliver.name, age.unwrap_or_default());
        Ok(())
    }

    /// Takes note of an attempt that has ended.
    fn note(&mut self, ended: Result<Attempt, JoinError>) {
        let receiver = self.deliver.name.as_str();
        match ended {
            Ok((delivery, Ok(outcome))) => self.tell(&delivery, outcome),
            Ok((_, Err(error))) => {
                let error = chain(error);
                tracing::error!(receiver, error, "what became of an event is not kept");
            }
            Err(error) => tracing::error!(receiver, error = chain(error), "an attempt broke down"),
        }
    }

    /// Tells the operators what became of an event; of failures in a row, the first one aloud.
    fn tell(&mut self, delivery: &Delivery, outcome: Outcome) {
        self.meters.ended(&self.deliver.name, &outcome);
        let fails = !matches!(outcome, Outcome::Delivered);
        let failed = std::mem::replace(&mut self.failing, fails);
        let (receiver, attempts) = (self.deliver.name.as_str(), delivery.attempts);
        let DomainEvent { id, at, kind, member, merged_member: other } = &delivery.event;
        match outcome {
            Outcome::Delivered if failed => {
                tracing::info!(receiver, "the receiver takes events again");
            }
            Outcome::Delivered => {}
            Outcome::Retry(error) if failed => {
                tracing::debug!(receiver, event = %id, attempts, error = chain(error), "put off");
            }
            Outcome::Retry(error) => {
                let error = chain(error);
                tracing::warn!(receiver, event = %id, attempts, error, "put off: told again later");
            }
            Outcome::Abandoned(error) => {
                let (kind, at, member) = (kind.name(), at.unix_millis(), member.0);
                let (other, error) = (other.map(|other| other.0), chain(error));
                tracing::error!(
                    receiver, event = %id, at, kind, %member, ?other, attempts, error,
                    "given up: the receiver is never told of this event"
                );
            }
        }
    }
}

fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
