//! The outbox of webhook events in the store.

use crate::model::event::DomainEvent;
use crate::model::event::delivery::{Delivery, ReceiverName};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// The events that receivers are still to be told of, within a unit of work. What is there outlives the
/// member it is about.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Adds an event of members whom this unit of work has added, written or removed already.
    ///
    /// MUST keep it for each receiver that is subscribed to its kind, and not at all where none is. It
    /// MUST come after all that is kept for that receiver of these members, however many write them at
    /// this moment.
    async fn add(&self, event: &DomainEvent) -> Result<(), StoreError>;

    /// Counts an attempt, and lets the delivery be due again not before `until`. MUST change nothing and
    /// be `false` unless it is there with as many attempts as `delivery` has, however many try at this
    /// moment.
    async fn claim(&self, delivery: &Delivery, until: Timestamp) -> Result<bool, StoreError>;

    /// Lets a delivery that was claimed be due again at `until`. MUST change nothing when somebody else
    /// has claimed it since.
    async fn reschedule(&self, claimed: &Delivery, until: Timestamp) -> Result<(), StoreError>;

    /// Removes a delivery, if it is there.
    async fn remove(&self, delivery: &Delivery) -> Result<(), StoreError>;

    /// Removes what is kept for none of these receivers and happened before `then`; tells how much.
    async fn remove_orphans(
        &self,
        receivers: &[ReceiverName],
        then: Timestamp,
    ) -> Result<u64, StoreError>;
}

/// Reads what receivers are still to be told outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait OutboxReader: Send + Sync {
    /// Deliveries that are due, as last committed: at most `limit`.
    ///
    /// MUST leave out one that is not due at `now`, and one before which another comes about the same
    /// member, or about either of two who were merged, due or not.
    async fn due(
        &self,
        receiver: &ReceiverName,
        now: Timestamp,
        limit: u64,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// When the oldest event happened that is kept for a receiver, as last committed.
    async fn oldest(&self, receiver: &ReceiverName) -> Result<Option<Timestamp>, StoreError>;
}
