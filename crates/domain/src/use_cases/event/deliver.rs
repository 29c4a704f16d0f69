//! Delivery of webhook events to a receiver: at least once, and in order per member.

use std::sync::Arc;
use std::time::Duration;

use crate::model::clock::Clock;
use crate::model::event::delivery::{Delivery, ReceiverName};
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;
use crate::ports::event_sink::{DeliveryError, EventSink};
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::store::outbox::OutboxReader;
use crate::use_cases::retry::retry_on_contention;

/// Lease of a claimed delivery. It is longer than an attempt takes, by more than the clocks of the
/// instances differ.
pub const CLAIM_LEASE: Duration = Duration::from_mins(1);

/// Delivers the events in the outbox to one receiver.
pub struct DeliverEvents {
    /// Name of the receiver.
    pub name: ReceiverName,
    /// Connection to the receiver.
    pub sink: Arc<dyn EventSink>,
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Pending deliveries.
    pub outbox: Arc<dyn OutboxReader>,
    /// Clock of leases and retries.
    pub clock: Arc<dyn Clock>,
    /// Randomness of the back-off.
    pub random: Arc<dyn Random>,
    /// Age of an event after which a failed delivery is not retried.
    pub max_age: Duration,
}

/// Outcome of a delivery attempt.
#[derive(Debug)]
pub enum Outcome {
    /// The receiver accepted the event.
    Delivered,
    /// The attempt failed and is retried. Later events of the same member wait.
    Retry(DeliveryError),
    /// The attempt failed, and the event is too old for another one.
    Abandoned(DeliveryError),
}

impl DeliverEvents {
    /// Claims up to `limit` due deliveries. No other instance can claim them during [`CLAIM_LEASE`], in
    /// which the caller has to deliver them.
    pub async fn claim(&self, limit: u64) -> Result<Vec<Delivery>, StoreError> {
        let now = self.clock.now();
        let mut due = self.outbox.due(&self.name, now, limit).await?;
        if due.is_empty() {
            return Ok(due);
        }
        // All instances lock the rows in the same order, which prevents deadlocks.
        due.sort_by_key(|delivery| delivery.event.id);
        retry_on_contention(|| self.try_claim(&due, now.plus(CLAIM_LEASE))).await
    }

    async fn try_claim(
        &self,
        due: &[Delivery],
        until: Timestamp,
    ) -> Result<Vec<Delivery>, StoreError> {
        let work = self.store.begin().await?;
        let mut claimed = vec![];
        for delivery in due {
            if work.outbox().claim(delivery, until).await? {
                claimed.push(Delivery { attempts: delivery.attempts + 1, ..delivery.clone() });
            }
        }
        work.commit().await?;
        Ok(claimed)
    }

    /// Attempts a claimed delivery and stores the outcome.
    ///
    /// The event is deleted only after the receiver has accepted it. If the program ends before, another
    /// attempt follows after the lease.
    pub async fn deliver(&self, claimed: &Delivery) -> Result<Outcome, StoreError> {
        let delivered = self.sink.deliver(&claimed.event, self.clock.now()).await;
        // Read again: the attempt may have taken seconds.
        let now = self.clock.now();
        let outcome = match delivered {
            Ok(()) => Outcome::Delivered,
            Err(error) if claimed.is_expired(self.max_age, now) => Outcome::Abandoned(error),
            Err(error) => Outcome::Retry(error),
        };
        retry_on_contention(|| self.store_outcome(claimed, &outcome, now)).await?;
        Ok(outcome)
    }

    async fn store_outcome(
        &self,
        claimed: &Delivery,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let work = self.store.begin().await?;
        match outcome {
            Outcome::Delivered | Outcome::Abandoned(_) => work.outbox().remove(claimed).await?,
            Outcome::Retry(_) => {
                let until = now.plus(claimed.retry_delay(self.random.as_ref()));
                work.outbox().reschedule(claimed, until).await?;
            }
        }
        work.commit().await
    }

    /// Returns the time of the oldest event that is not delivered yet.
    pub async fn oldest(&self) -> Result<Option<Timestamp>, StoreError> {
        self.outbox.oldest(&self.name).await
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::clock::MockClock;
    use crate::model::event::{DomainEvent, EventKind};
    use crate::model::member::MemberId;
    use crate::model::random::MockRandom;
    use crate::ports::event_sink::MockEventSink;
    use crate::ports::store::error::Contention;
    use crate::ports::store::outbox::MockOutbox;
    use crate::ports::store::outbox::MockOutboxReader;
    use crate::ports::store::{MockStore, MockUnitOfWork};

    #[tokio::test]
    async fn contention_after_delivery_does_not_deliver_again() {
        let name = ReceiverName::parse("crm").unwrap();
        let event = DomainEvent {
            id: Uuid::nil(),
            at: Timestamp::from_unix_millis(0),
            kind: EventKind::Banned,
            member: MemberId(Uuid::nil()),
            merged_member: None,
        };
        let claimed = Delivery { receiver: name.clone(), event, attempts: 1 };
        let mut sink = MockEventSink::new();
        let mut store = MockStore::new();
        sink.expect_deliver().times(1).returning(|_, _| Ok(()));
        let mut quicker = 1;
        store.expect_begin().times(2).returning(move || {
            let mut outbox = MockOutbox::new();
            let mut unit = MockUnitOfWork::new();
            outbox.expect_remove().times(1).returning(|_| Ok(()));
            unit.expect_outbox().return_const(Box::new(outbox) as Box<_>);
            let lost = std::mem::take(&mut quicker) > 0;
            unit.expect_commit().times(1).returning(move || {
                if lost { Err(Contention::new("a deadlock").into()) } else { Ok(()) }
            });
            Ok(Box::new(unit))
        });
        let mut clock = MockClock::new();
        clock.expect_now().return_const(Timestamp::from_unix_millis(0));
        let deliver = DeliverEvents {
            name,
            sink: Arc::new(sink),
            store: Arc::new(store),
            outbox: Arc::new(MockOutboxReader::new()),
            clock: Arc::new(clock),
            random: Arc::new(MockRandom::new()),
            max_age: Duration::from_secs(1),
        };
        assert!(matches!(deliver.deliver(&claimed).await.unwrap(), Outcome::Delivered));
    }
}
