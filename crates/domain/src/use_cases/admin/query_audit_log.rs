//! Show administrators what happened, and how often.

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

/// How long a day is. There is none with a leap second in this count.
const DAY: Duration = Duration::from_hours(24);

/// How many days are counted at once at most.
pub const DAYS_MAX: u16 = 92;

/// The use cases.
pub struct QueryAuditLog {
    /// Audit log.
    pub audit: Arc<dyn AuditReader>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When a day begins: how much later than in UTC (earlier where it is negative), in milliseconds.
    pub utc_offset: i64,
}

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum QueryAuditLogError {
    /// The administrator may not do this.
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

    /// The events that a query means, the latest first.
    pub async fn events(
        &self,
        by: &AdminPrincipal,
        query: &AuditQuery,
    ) -> Result<Vec<AuditEvent>, QueryAuditLogError> {
        by.require_role(Role::Viewer)?;
        Ok(self.audit.events(query).await?)
    }

    /// What happened on each of the last days, today among them; the earliest first.
    pub async fn last_days(
        &self,
        by: &AdminPrincipal,
        days: u16,
    ) -> Result<(DayRange, Vec<DailyCount>), QueryAuditLogError> {
        by.require_role(Role::Viewer)?;
        let days = self.days(days);
        let mut counts = self.audit.count_by_day(&days).await?;
        counts.sort_by(|a, b| {
            let key = |count: &DailyCount| (count.day, count.kind.name(), count.detail.clone());
            key(a).cmp(&key(b))
        });
        Ok((days, counts))
    }

    fn days(&self, days: u16) -> DayRange {
        let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
        let local = self.clock.now().unix_millis() + self.utc_offset;
        let today = Timestamp::from_unix_millis(local - local.rem_euclid(day) - self.utc_offset);
        let earlier = DAY * u32::from(days.clamp(1, DAYS_MAX) - 1);
        DayRange { from: today.minus(earlier), to: today.plus(DAY) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::MockClock;
    use crate::ports::store::audit::MockAuditReader;

    const HOUR: i64 = 3_600_000;

    fn days(now: i64, utc_offset: i64, days: u16) -> (i64, i64) {
        let mut clock = MockClock::new();
        clock.expect_now().return_const(Timestamp::from_unix_millis(now));
        let audit = Arc::new(MockAuditReader::new());
        let DayRange { from, to } =
            QueryAuditLog { audit, clock: Arc::new(clock), utc_offset }.days(days);
        (from.unix_millis() / HOUR, to.unix_millis() / HOUR)
    }

    #[test]
    fn days_begin_at_midnight_where_the_operator_is() {
        assert_eq!(days(30 * HOUR, 0, 1), (24, 48));
        assert_eq!(days(30 * HOUR, 8 * HOUR, 1), (16, 40));
        assert_eq!(days(39 * HOUR, 8 * HOUR, 1), (16, 40));
        assert_eq!(days(40 * HOUR, 8 * HOUR, 2), (16, 64));
        assert_eq!(days(3 * HOUR, -5 * HOUR, 1), (-19, 5));
    }

    #[test]
    fn no_more_days_are_counted_than_can_be() {
        assert_eq!(days(0, 0, u16::MAX), days(0, 0, DAYS_MAX));
        assert_eq!(days(0, 0, 0), days(0, 0, 1));
    }
}
