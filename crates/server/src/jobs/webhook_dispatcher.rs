//! Webhook dispatcher: delivers the events in the outbox to one receiver.

use std::sync::Arc;
use std::time::Duration;

use domain::model::event::DomainEvent;
use domain::model::event::delivery::Delivery;
use domain::ports::store::error::StoreError;
use domain::use_cases::event::deliver::{DeliverEvents, Outcome};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::jobs::metrics::JobMetrics;

/// Time between two looks into the outbox.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Pause after the store failed.
const ERROR_BACKOFF: Duration = Duration::from_secs(10);

/// Maximum number of concurrent attempts at one receiver.
const MAX_CONCURRENT: usize = 8;

/// Delivers events to one receiver.
pub struct WebhookDispatcher {
    deliver: Arc<DeliverEvents>,
    metrics: JobMetrics,
    in_flight: JoinSet<Attempt>,
    is_failing: bool,
}

/// A finished attempt with its outcome.
type Attempt = (Delivery, Result<Outcome, StoreError>);

impl WebhookDispatcher {
    /// Creates a dispatcher that reports to `metrics`.
    #[must_use]
    pub fn new(deliver: Arc<DeliverEvents>, metrics: JobMetrics) -> Self {
        metrics.add_receiver(&deliver.name);
        Self { deliver, metrics, in_flight: JoinSet::new(), is_failing: false }
    }

    /// Delivers events until `stop` is cancelled, then completes the attempts in flight.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.claim_and_spawn().await {
                Ok(()) => POLL_INTERVAL,
                Err(error) => {
                    let receiver = self.deliver.name.as_str();
                    let error = chain(error);
                    tracing::error!(receiver, error, "claiming webhook events failed, will retry");
                    ERROR_BACKOFF
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = self.in_flight.join_next() => self.finish(ended),
                () = sleep(pause) => {}
            }
        }
        while let Some(ended) = self.in_flight.join_next().await {
            self.finish(ended);
        }
    }

    /// Claims due deliveries and starts an attempt at each, up to [`MAX_CONCURRENT`] in flight.
    async fn claim_and_spawn(&mut self) -> Result<(), StoreError> {
        let free = MAX_CONCURRENT.saturating_sub(self.in_flight.len());
        if free > 0 {
            for claimed in self.deliver.claim(free as u64).await? {
                let deliver = Arc::clone(&self.deliver);
                self.in_flight.spawn(async move {
                    let outcome = deliver.deliver(&claimed).await;
                    (claimed, outcome)
                });
            }
        }
        let oldest = self.deliver.oldest().await?;
        let age = oldest.map(|at| self.deliver.clock.now().since(at));
        self.metrics.set_oldest_undelivered(&self.deliver.name, age.unwrap_or_default());
        Ok(())
    }

    fn finish(&mut self, ended: Result<Attempt, JoinError>) {
        let receiver = self.deliver.name.as_str();
        match ended {
            Ok((delivery, Ok(outcome))) => self.log_outcome(&delivery, outcome),
            Ok((_, Err(error))) => {
                let error = chain(error);
                tracing::error!(receiver, error, "could not store the webhook delivery outcome");
            }
            Err(error) => {
                tracing::error!(receiver, error = chain(error), "webhook delivery task failed");
            }
        }
    }

    /// Counts and logs an outcome. Of consecutive failures only the first one is a warning.
    fn log_outcome(&mut self, delivery: &Delivery, outcome: Outcome) {
        self.metrics.record_attempt(&self.deliver.name, &outcome);
        let was_failing = self.is_failing;
        self.is_failing = !matches!(outcome, Outcome::Delivered);
        let receiver = self.deliver.name.as_str();
        let attempts = delivery.attempts;
        let DomainEvent { id, at, kind, member, merged_member } = &delivery.event;
        match outcome {
            Outcome::Delivered if was_failing => {
                tracing::info!(receiver, "webhook delivery works again");
            }
            Outcome::Delivered => {}
            Outcome::Retry(error) => {
                let error = chain(error);
                let message = "webhook delivery failed, will retry";
                if was_failing {
                    tracing::debug!(receiver, event = %id, attempts, error, "{message}");
                } else {
                    tracing::warn!(receiver, event = %id, attempts, error, "{message}");
                }
            }
            Outcome::Abandoned(error) => {
                let kind = kind.name();
                let at = at.unix_millis();
                let member = member.0;
                let merged_member = merged_member.map(|merged| merged.0);
                let error = chain(error);
                tracing::error!(
                    receiver, event = %id, at, kind, %member, ?merged_member, attempts, error,
                    "webhook delivery abandoned: the event is older than max_age"
                );
            }
        }
    }
}

fn chain(error: impl Into<anyhow::Error>) -> String {
    format!("{:#}", error.into())
}
