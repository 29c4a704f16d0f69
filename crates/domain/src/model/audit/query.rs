//! Filters and counts of audit events.

use uuid::Uuid;

use crate::model::admin::AdminId;
use crate::model::audit::AuditKind;
use crate::model::member::MemberId;
use crate::model::timestamp::Timestamp;

/// Filter and page of audit events, the latest first. A field that is `None` does not filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Kind of the event.
    pub kind: Option<AuditKind>,
    /// Affected or merged member.
    pub member: Option<MemberId>,
    /// Administrator who performed the operation.
    pub actor: Option<AdminId>,
    /// Cursor: only events older than this one are returned.
    pub before: Option<Uuid>,
    /// Maximum number of events.
    pub limit: u16,
}

/// Range of days to count, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    /// Start of the first day.
    pub from: Timestamp,
    /// End of the last day.
    pub to: Timestamp,
}

/// Number of events of one kind and detail on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyCount {
    /// Start of the day.
    pub day: Timestamp,
    /// Kind of the events.
    pub kind: AuditKind,
    /// Kind-specific detail of the events.
    pub detail: Option<String>,
    /// Sum of the events' counts.
    pub count: u64,
}
