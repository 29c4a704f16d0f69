//! The audit log in the store.

use crate::model::audit::AuditEvent;
use crate::model::audit::query::{AuditQuery, DailyCount, DayRange};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// The record of security events within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds an event; none is ever changed.
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Forgets what happened before `then`.
    async fn delete_before(&self, then: Timestamp) -> Result<(), StoreError>;
}

/// Reads the record of security events outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditReader: Send + Sync {
    /// Events, as last committed: those that a query means, the latest first.
    async fn events(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError>;

    /// How often what happened on which day, in no order. What did not happen is not told.
    async fn count_by_day(&self, days: &DayRange) -> Result<Vec<DailyCount>, StoreError>;
}
