//! Tell a receiver of what happened: each event at least once, and of each member in order.

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

/// How long a claim lasts: longer than an attempt takes, by more than clocks of instances differ.
pub const CLAIM_LEASE: Duration = Duration::from_mins(1);

/// The use case, for one receiver.
pub struct DeliverEvents {
    /// What the receiver is called.
    pub name: ReceiverName,
    /// The receiver.
    pub receiver: Arc<dyn EventSink>,
    /// Where events wait.
    pub store: Arc<dyn Store>,
    /// Outbox.
    pub outbox: Arc<dyn OutboxReader>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// How old an event may be for another attempt to be made.
    pub max_age: Duration,
}

/// What became of an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// The receiver took the event.
    Delivered,
    /// It did not, and is told again; until then of nothing else about that member.
    Retry(DeliveryError),
    /// It did not, and is not told of the event any more.
    Abandoned(DeliveryError),
}

impl DeliverEvents {
    /// Claims deliveries that are due, at most so many: nobody else is given them for as long as
    /// [`CLAIM`] lasts. Each is to be delivered at once.
    pub async fn claim(&self, most: u64) -> Result<Vec<Delivery>, StoreError> {
        let now = self.clock.now();
        let mut due = self.outbox.due(&self.name, now, most).await?;
        if due.is_empty() {
            return Ok(due);
        }
        // All who claim do it in the same order, so that none waits for another who waits for them.
        due.sort_by_key(|delivery| delivery.event.id);
        retry_on_contention(|| self.try_to_claim(&due, now.plus(CLAIM_LEASE))).await
    }

    async fn try_to_claim(
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

    /// Makes the attempt that was claimed. Only once the receiver has taken the event is it forgotten:
    /// whatever ends the program before, another attempt follows when the claim has run out.
    pub async fn deliver(&self, claimed: &Delivery) -> Result<Outcome, StoreError> {
        let received = self.receiver.deliver(&claimed.event, self.clock.now()).await;
        let now = self.clock.now();
        let outcome = match received {
            Ok(()) => Outcome::Delivered,
            Err(error) if claimed.is_expired(self.max_age, now) => Outcome::Abandoned(error),
            Err(error) => Outcome::Retry(error),
        };
        retry_on_contention(|| self.settle(claimed, &outcome, now)).await?;
        Ok(outcome)
    }

    /// Keeps what became of an attempt.
    async fn settle(
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

    /// When the oldest event happened that the receiver has not taken yet.
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
    async fn what_was_taken_is_told_once_though_others_were_quicker_in_the_store() {
        let name = ReceiverName::parse("crm").unwrap();
        let event = DomainEvent {
            id: Uuid::nil(),
            at: Timestamp::from_unix_millis(0),
            kind: EventKind::Banned,
            member: MemberId(Uuid::nil()),
            merged_member: None,
        };
        let claimed = Delivery { receiver: name.clone(), event, attempts: 1 };
        let mut receiver = MockEventSink::new();
        let mut store = MockStore::new();
        receiver.expect_deliver().times(1).returning(|_, _| Ok(()));
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
            receiver: Arc::new(receiver),
            store: Arc::new(store),
            outbox: Arc::new(MockOutboxReader::new()),
            clock: Arc::new(clock),
            random: Arc::new(MockRandom::new()),
            max_age: Duration::from_secs(1),
        };
        assert!(matches!(deliver.deliver(&claimed).await.unwrap(), Outcome::Delivered));
    }
}
