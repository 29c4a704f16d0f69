//! The audit log in the store.

use crate::model::audit::AuditEvent;
use crate::model::audit::query::{AuditQuery, DailyCount, DayRange};
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// Audit log within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds an event. Events are never changed.
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError>;
}

/// Reads the audit log outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AuditReader: Send + Sync {
    /// Returns the events that match the query, as last committed, latest first.
    async fn events(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError>;

    /// Sums the counts of the events by day and kind, in no order. Zero counts are left out.
    async fn count_by_day(&self, days: &DayRange) -> Result<Vec<DailyCount>, StoreError>;
}
