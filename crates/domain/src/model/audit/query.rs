//! Which security events an administrator looks at, and what they add up to.

use uuid::Uuid;

use crate::model::admin::AdminId;
use crate::model::audit::AuditKind;
use crate::model::member::MemberId;
use crate::model::timestamp::Timestamp;

/// Some events, the latest first. What is `None` does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// What happened.
    pub kind: Option<AuditKind>,
    /// To whom, be they the one or the other member it is about.
    pub member: Option<MemberId>,
    /// On which administrator's doing.
    pub by: Option<AdminId>,
    /// Only events before this one.
    pub before: Option<Uuid>,
    /// How many at most.
    pub limit: u16,
}

/// The days that are counted: from the first to before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRange {
    /// When the first day begins.
    pub from: Timestamp,
    /// When the last one has ended.
    pub to: Timestamp,
}

/// How often something happened on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyCount {
    /// When the day began.
    pub day: Timestamp,
    /// What happened.
    pub kind: AuditKind,
    /// What of that kind.
    pub detail: Option<String>,
    /// How often.
    pub count: u64,
}
