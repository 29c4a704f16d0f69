//! The outbox in memory: a delivery for each receiver of an event.

use crate::memory::state::QueuedDelivery;
use std::collections::HashSet;

use async_trait::async_trait;
use domain::model::event::DomainEvent;
use domain::model::event::delivery::{Delivery, ReceiverName};
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::StoreError;
use domain::ports::store::outbox::{Outbox, OutboxReader};

use crate::memory::MemoryStore;
use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl Outbox for MemoryUnitOfWork {
    async fn add(&self, event: &DomainEvent) -> Result<(), StoreError> {
        for receiver in self.subscriptions.receivers_of(event.kind).cloned() {
            let delivery = Delivery { receiver, event: event.clone(), attempts: 0 };
            self.state().outbox.push(QueuedDelivery { delivery, due_at: event.at });
        }
        Ok(())
    }

    async fn claim(&self, delivery: &Delivery, until: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state();
        let found = state.outbox.iter_mut().find(|queued| queued.delivery == *delivery);
        Ok(found.is_some_and(|queued| {
            queued.delivery.attempts += 1;
            queued.due_at = until;
            true
        }))
    }

    async fn reschedule(&self, claimed: &Delivery, until: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        for queued in state.outbox.iter_mut().filter(|queued| queued.delivery == *claimed) {
            queued.due_at = until;
        }
        Ok(())
    }

    async fn remove(&self, delivery: &Delivery) -> Result<(), StoreError> {
        self.state().outbox.retain(|QueuedDelivery { delivery: queued, .. }| {
            (&queued.receiver, queued.event.id) != (&delivery.receiver, delivery.event.id)
        });
        Ok(())
    }
}

#[async_trait]
impl OutboxReader for MemoryStore {
    async fn due(
        &self,
        receiver: &ReceiverName,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let state = self.committed.lock().unwrap();
        let theirs = state.outbox.iter().filter(|queued| queued.delivery.receiver == *receiver);
        let mut due = vec![];
        let mut before = HashSet::new();
        for QueuedDelivery { delivery, due_at } in theirs {
            let event = &delivery.event;
            let about = [Some(event.member), event.merged_member].into_iter().flatten();
            let seen = about.filter(|member| !before.insert(*member)).count();
            if seen == 0 && *due_at <= now {
                due.push(delivery.clone());
            }
        }
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(due)
    }

    async fn oldest(&self, receiver: &ReceiverName) -> Result<Option<Timestamp>, StoreError> {
        let outbox = self.outbox().into_iter();
        let theirs = outbox.filter(|delivery| delivery.receiver == *receiver);
        Ok(theirs.map(|delivery| delivery.event.at).min())
    }
}
