//! Whoever outside is told of events.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::event::DomainEvent;
use crate::model::timestamp::Timestamp;

/// How long one attempt may take.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// One receiver.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Tells of an event, once.
    ///
    /// An implementation MUST NOT be `Ok` unless the receiver has said that it took the event, and MUST
    /// be done within [`RECEIVE_MAX`].
    async fn deliver(&self, event: &DomainEvent, now: Timestamp) -> Result<(), DeliveryError>;
}

/// The receiver did not say that it took the event; it may have.
#[derive(Debug, thiserror::Error)]
#[error("the receiver did not take the event")]
pub struct DeliveryError(#[source] Box<dyn Error + Send + Sync>);

impl DeliveryError {
    /// Wraps what happened, for the log.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
