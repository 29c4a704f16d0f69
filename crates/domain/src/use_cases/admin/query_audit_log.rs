//! Audit log and daily statistics, for administrators.

use std::sync::Arc;
use std::time::Duration;

use crate::model::admin::{AdminPrincipal, Role, RoleRequired};
use crate::model::audit::AuditEvent;
use crate::model::audit::query::{AuditQuery, DailyCount, DayRange};
use crate::model::clock::Clock;
use crate::model::timestamp::Timestamp;
use crate::ports::store::audit::AuditReader;
use crate::ports::store::error::StoreError;
use crate::use_cases::ports::{Policies, Ports};

/// Length of a day. Timestamps have no leap seconds.
const DAY: Duration = Duration::from_hours(24);

/// Maximum number of days in the statistics.
pub const MAX_DAYS: u16 = 92;

/// Reads the audit log.
pub struct QueryAuditLog {
    /// Audit log.
    pub audit: Arc<dyn AuditReader>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Offset from UTC of the days, in milliseconds; positive is east of Greenwich.
    pub utc_offset: i64,
}

/// Reason why the audit log was not read.
#[derive(Debug, thiserror::Error)]
pub enum QueryAuditLogError {
    /// The administrator lacks the role.
    #[error(transparent)]
    Forbidden(#[from] RoleRequired),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueryAuditLog {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            audit: ports.readers.audit.clone(),
            clock: ports.clock.clone(),
            utc_offset: policies.utc_offset,
        }
    }

    /// Returns the events that match a query, the latest first.
    pub async fn events(
        &self,
        actor: &AdminPrincipal,
        query: &AuditQuery,
    ) -> Result<Vec<AuditEvent>, QueryAuditLogError> {
        actor.require_role(Role::Viewer)?;
        Ok(self.audit.events(query).await?)
    }

    /// Counts the events of the last `days` days including today, the earliest first. At most [`MAX_DAYS`]
    /// days are counted.
    pub async fn last_days(
        &self,
        actor: &AdminPrincipal,
        days: u16,
    ) -> Result<(DayRange, Vec<DailyCount>), QueryAuditLogError> {
        actor.require_role(Role::Viewer)?;
        let days = self.day_range(days);
        let mut counts = self.audit.count_by_day(&days).await?;
        counts.sort_by(|a, b| {
            let key = |count: &DailyCount| (count.day, count.kind.name(), count.detail.clone());
            key(a).cmp(&key(b))
        });
        Ok((days, counts))
    }

    fn day_range(&self, days: u16) -> DayRange {
        let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
        let local = self.clock.now().unix_millis() + self.utc_offset;
        let today = Timestamp::from_unix_millis(local - local.rem_euclid(day) - self.utc_offset);
        let earlier = DAY * u32::from(days.clamp(1, MAX_DAYS) - 1);
        DayRange { from: today.minus(earlier), to: today.plus(DAY) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::MockClock;
    use crate::ports::store::audit::MockAuditReader;

    const HOUR: i64 = 3_600_000;

    fn day_range(now: i64, utc_offset: i64, days: u16) -> (i64, i64) {
        let mut clock = MockClock::new();
        clock.expect_now().return_const(Timestamp::from_unix_millis(now));
        let audit = Arc::new(MockAuditReader::new());
        let query = QueryAuditLog { audit, clock: Arc::new(clock), utc_offset };
        let DayRange { from, to } = query.day_range(days);
        (from.unix_millis() / HOUR, to.unix_millis() / HOUR)
    }

    #[test]
    fn statistics_days_use_configured_utc_offset() {
        assert_eq!(day_range(30 * HOUR, 0, 1), (24, 48));
        assert_eq!(day_range(30 * HOUR, 8 * HOUR, 1), (16, 40));
        assert_eq!(day_range(39 * HOUR, 8 * HOUR, 1), (16, 40));
        assert_eq!(day_range(40 * HOUR, 8 * HOUR, 2), (16, 64));
        assert_eq!(day_range(3 * HOUR, -5 * HOUR, 1), (-19, 5));
    }

    #[test]
    fn statistics_are_limited_to_max_days() {
        assert_eq!(day_range(0, 0, u16::MAX), day_range(0, 0, MAX_DAYS));
        assert_eq!(day_range(0, 0, 0), day_range(0, 0, 1));
    }
}
