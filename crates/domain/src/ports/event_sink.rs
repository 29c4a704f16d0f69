//! Delivery of events to webhook receivers.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;

use crate::model::event::DomainEvent;
use crate::model::timestamp::Timestamp;

/// Maximum duration of a delivery attempt.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Receiver of events.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Attempts to deliver an event once.
    ///
    /// An implementation MUST NOT return `Ok` unless the receiver has acknowledged the event, and MUST
    /// return within [`DELIVERY_TIMEOUT`].
    async fn deliver(&self, event: &DomainEvent, now: Timestamp) -> Result<(), DeliveryError>;
}

/// Error: the receiver did not acknowledge the event; it may have received it.
#[derive(Debug, thiserror::Error)]
#[error("the receiver did not acknowledge the event")]
pub struct DeliveryError(#[source] Box<dyn Error + Send + Sync>);

impl DeliveryError {
    /// Wraps the cause, for the log.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
