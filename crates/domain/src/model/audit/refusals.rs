//! Refusals that concern no known member, counted per minute.
//!
//! Any client can cause them. The audit log has one event for each group of them, not one for each refusal.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::app::name::AppName;
use crate::model::audit::AuditKind;
use crate::model::timestamp::Timestamp;

/// Length of the period in which refusals are counted together, in milliseconds.
const PERIOD_MILLIS: i64 = 60_000;

/// Maximum number of groups in memory. While the store is unavailable, further refusals count as ones of an
/// earlier minute.
const MAX_GROUPS: usize = 10_000;

/// Refusals that become one audit event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusalGroup {
    /// Kind of the event.
    pub kind: AuditKind,
    /// Reason of the refusals.
    pub reason: &'static str,
    /// App in which they happened.
    pub app: Option<AppName>,
    /// Start of the minute in which they happened.
    pub minute: Timestamp,
}

/// Counts of refusals that are not in the audit log yet.
#[derive(Debug, Default)]
pub struct RefusalCounts(Mutex<BTreeMap<RefusalGroup, u32>>);

impl RefusalCounts {
    /// Counts one refusal.
    pub fn count(
        &self,
        kind: AuditKind,
        reason: &'static str,
        app: Option<AppName>,
        now: Timestamp,
    ) {
        let minute = start_of_minute(now);
        self.add(RefusalGroup { kind, reason, app, minute }, 1);
    }

    /// Adds refusals to a group.
    pub fn add(&self, group: RefusalGroup, number: u32) {
        let mut groups = self.groups();
        let group = if groups.len() >= MAX_GROUPS { earlier(&groups, group) } else { group };
        let count = groups.entry(group).or_default();
        *count = count.saturating_add(number);
    }

    /// Removes and returns the groups of all minutes that have ended.
    #[must_use]
    pub fn take_completed(&self, now: Timestamp) -> BTreeMap<RefusalGroup, u32> {
        let current = start_of_minute(now);
        self.groups().extract_if(.., |group, _| group.minute < current).collect()
    }

    /// Removes and returns all groups.
    #[must_use]
    pub fn take_all(&self) -> BTreeMap<RefusalGroup, u32> {
        std::mem::take(&mut *self.groups())
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<RefusalGroup, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the group of the latest earlier minute with the same reason and app, or the group itself. The
/// number of reasons and apps is limited by the code and the configuration.
fn earlier(groups: &BTreeMap<RefusalGroup, u32>, group: RefusalGroup) -> RefusalGroup {
    let before = groups.range(..=&group).next_back().map(|(before, _)| before);
    let is_same = |before: &&RefusalGroup| {
        (before.kind, before.reason, &before.app) == (group.kind, group.reason, &group.app)
    };
    before.filter(is_same).cloned().unwrap_or(group)
}

fn start_of_minute(at: Timestamp) -> Timestamp {
    let millis = at.unix_millis();
    Timestamp::from_unix_millis(millis - millis.rem_euclid(PERIOD_MILLIS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_millis(seconds * 1_000)
    }

    fn group(reason: &'static str, seconds: i64) -> RefusalGroup {
        let kind = AuditKind::LoginRefused;
        RefusalGroup { kind, reason, app: None, minute: at(seconds) }
    }

    fn count(counts: &RefusalCounts, reason: &'static str, seconds: i64) {
        counts.count(AuditKind::LoginRefused, reason, None, at(seconds));
    }

    #[test]
    fn refusals_are_counted_exactly_by_minute_and_reason() {
        let counts = RefusalCounts::default();
        for second in 0..120 {
            count(&counts, "code_invalid", second);
            count(&counts, if second % 2 == 0 { "code_used" } else { "code_invalid" }, second);
        }
        let first = counts.take_completed(at(119));
        let expected = [(group("code_invalid", 0), 90), (group("code_used", 0), 30)];
        assert_eq!(first, BTreeMap::from(expected));
        assert_eq!(counts.take_completed(at(119)), BTreeMap::new(), "they are taken once");
        let expected = [(group("code_invalid", 60), 90), (group("code_used", 60), 30)];
        assert_eq!(counts.take_all(), BTreeMap::from(expected));
    }

    #[test]
    fn number_of_groups_is_limited_and_no_refusal_is_lost() {
        let counts = RefusalCounts::default();
        for minute in 0..20_000 {
            count(&counts, "code_invalid", minute * 60);
        }
        let groups = counts.take_all();
        assert_eq!(groups.len(), MAX_GROUPS);
        assert_eq!(groups.values().sum::<u32>(), 20_000);
    }
}
