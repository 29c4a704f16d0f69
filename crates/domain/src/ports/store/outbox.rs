//! The outbox of webhook events in the store.

use crate::model::event::DomainEvent;
use crate::model::event::delivery::{Delivery, ReceiverName};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// Outbox of webhook events within a unit of work. Events outlive their member.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Adds an event of members that this unit of work has added, updated or removed before.
    ///
    /// MUST queue it once for each receiver that is subscribed to its kind, after all events of these
    /// members that are queued for that receiver, also under concurrency.
    async fn add(&self, event: &DomainEvent) -> Result<(), StoreError>;

    /// Counts an attempt and makes the delivery due again at `until`. MUST return `false` and change
    /// nothing unless the delivery exists with `delivery.attempts` attempts, also under concurrency.
    async fn claim(&self, delivery: &Delivery, until: Timestamp) -> Result<bool, StoreError>;

    /// Makes a claimed delivery due again at `until`. MUST change nothing if it was claimed again
    /// meanwhile.
    async fn reschedule(&self, claimed: &Delivery, until: Timestamp) -> Result<(), StoreError>;

    /// Removes a delivery, if it exists.
    async fn remove(&self, delivery: &Delivery) -> Result<(), StoreError>;
}

/// Reads the outbox outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait OutboxReader: Send + Sync {
    /// Returns at most `limit` due deliveries, as last committed.
    ///
    /// MUST leave out a delivery that is not due at `now`, and one behind another delivery about the
    /// same member, or about either member of a merge, due or not.
    async fn due(
        &self,
        receiver: &ReceiverName,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Returns the time of the oldest queued event of a receiver, as last committed.
    async fn oldest(&self, receiver: &ReceiverName) -> Result<Option<Timestamp>, StoreError>;
}
