//! The audit log in memory.

use async_trait::async_trait;
use domain::model::audit::AuditEvent;
use domain::model::audit::query::{AuditQuery, DailyCount, DayRange};
use domain::model::timestamp::Timestamp;
use domain::ports::store::audit::{AuditLog, AuditReader};
use domain::ports::store::error::StoreError;

use crate::memory::MemoryStore;
use crate::memory::unit_of_work::MemoryUnitOfWork;

/// Length of a day, in milliseconds.
const DAY_MS: i64 = 86_400_000;

#[async_trait]
impl AuditLog for MemoryUnitOfWork {
    async fn record(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.audit.iter().any(|known| known.id == event.id) {
            return Err(StoreError::new("an event with this id exists"));
        }
        state.audit.push(event.clone());
        Ok(())
    }
}

#[async_trait]
impl AuditReader for MemoryStore {
    async fn events(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError> {
        let mut events = self.audit();
        events.retain(|event| {
            query.kind.is_none_or(|kind| event.kind == kind)
                && query
                    .member
                    .is_none_or(|it| [event.member, event.merged_member].contains(&Some(it)))
                && query.actor.is_none_or(|actor| event.actor == Some(actor))
                && query.before.is_none_or(|before| event.id < before)
        });
        events.sort_by_key(|event| std::cmp::Reverse(event.id));
        events.truncate(query.limit.into());
        Ok(events)
    }

    async fn count_by_day(&self, days: &DayRange) -> Result<Vec<DailyCount>, StoreError> {
        let mut counts: Vec<DailyCount> = vec![];
        for AuditEvent { at, kind, detail, count: occurrences, .. } in self.audit() {
            if !(days.from..days.to).contains(&at) {
                continue;
            }
            let since = at.unix_millis() - days.from.unix_millis();
            let day = Timestamp::from_unix_millis(at.unix_millis() - since.rem_euclid(DAY_MS));
            let same = |count: &&mut DailyCount| {
                (count.day, count.kind, &count.detail) == (day, kind, &detail)
            };
            match counts.iter_mut().find(same) {
                Some(count) => count.count += u64::from(occurrences),
                None => counts.push(DailyCount { day, kind, detail, count: occurrences.into() }),
            }
        }
        Ok(counts)
    }
}
