//! Cache invalidation: change notifications and the log of recent changes.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use domain::model::member::MemberId;
use domain::model::session::SessionId;

/// Committed change that makes cache entries stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A member was changed or removed, or several of their sessions ended.
    Member(MemberId),
    /// A session was refreshed or ended.
    Session(SessionId),
}

/// Port for change notifications.
///
/// An implementation MUST have notified this instance when it returns, and MUST notify every other instance
/// that it can reach soon after. It MUST NOT fail, and MUST NOT wait for long.
#[async_trait]
pub trait ChangeNotifier: Send + Sync {
    /// Publishes changes that have just been committed.
    async fn notify(&self, changes: &[Change]);
}

/// Log of recent changes. A cache entry that was read before a change of it is stale.
///
/// The time of an entry is the time at which its read started. A read that returned the old state started
/// before the commit, and so before the change was recorded, no matter how late the entry is cached.
pub struct InvalidationLog {
    ttl: Duration,
    recent: Mutex<Recent>,
}

/// Times of the recent changes, in two generations.
struct Recent {
    /// Time at which everything was invalidated.
    all: Option<Instant>,
    /// Changes since the last rotation.
    young: HashMap<Change, Instant>,
    /// Changes before the last rotation. They are kept for as long as an entry read before them is fresh.
    old: HashMap<Change, Instant>,
    rotated_at: Instant,
}

impl InvalidationLog {
    /// Creates a log for caches whose entries live for `ttl`.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        let recent = Recent {
            all: None,
            young: HashMap::new(),
            old: HashMap::new(),
            rotated_at: Instant::now(),
        };
        Self { ttl, recent: Mutex::new(recent) }
    }

    /// Maximum age of a cache entry.
    pub(super) fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Invalidates all entries, because changes may have been missed.
    pub(crate) fn invalidate_all(&self) {
        self.recent().all = Some(Instant::now());
    }

    /// Records changes.
    pub(crate) fn record(&self, changes: &[Change]) {
        if self.ttl.is_zero() {
            return;
        }
        let mut recent = self.recent();
        let now = Instant::now();
        if now.duration_since(recent.rotated_at) > self.ttl {
            recent.old = mem::take(&mut recent.young);
            recent.rotated_at = now;
        }
        recent.young.extend(changes.iter().map(|change| (*change, now)));
    }

    /// Returns true if an entry with these parts, whose read started at `read_at`, is neither too old nor
    /// invalidated.
    pub(super) fn is_fresh(&self, read_at: Instant, parts: [Change; 2]) -> bool {
        if read_at.elapsed() >= self.ttl {
            return false;
        }
        let recent = self.recent();
        let changed = parts.iter().flat_map(|part| [recent.young.get(part), recent.old.get(part)]);
        changed.flatten().chain(&recent.all).all(|changed_at| *changed_at < read_at)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ChangeNotifier for InvalidationLog {
    async fn notify(&self, changes: &[Change]) {
        self.record(changes);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const TTL: Duration = Duration::from_mins(1);

    fn change(id: u128) -> Change {
        Change::Member(MemberId(Uuid::from_u128(id)))
    }

    #[test]
    fn entry_is_stale_after_its_ttl() {
        let log = InvalidationLog::new(TTL);
        assert!(log.is_fresh(Instant::now(), [change(1); 2]));
        let long_ago = Instant::now().checked_sub(TTL).unwrap();
        assert!(!log.is_fresh(long_ago, [change(1); 2]));
    }

    #[test]
    fn entry_is_stale_after_a_change_of_one_of_its_parts() {
        let log = InvalidationLog::new(TTL);
        let read_at = Instant::now();
        log.record(&[change(1)]);
        assert!(!log.is_fresh(read_at, [change(1), change(2)]));
        assert!(!log.is_fresh(read_at, [change(2), change(1)]));
        assert!(log.is_fresh(read_at, [change(2), change(3)]));
    }

    #[test]
    fn every_entry_is_stale_after_invalidate_all() {
        let log = InvalidationLog::new(TTL);
        let read_at = Instant::now();
        log.invalidate_all();
        assert!(!log.is_fresh(read_at, [change(1); 2]));
        assert!(log.is_fresh(Instant::now(), [change(1); 2]));
    }

    #[test]
    fn changes_are_kept_for_the_ttl_and_then_evicted() {
        let log = InvalidationLog::new(TTL);
        let read_at = Instant::now();
        for id in 0..1_000 {
            log.record(&[change(id)]);
            assert!(!log.is_fresh(read_at, [change(id); 2]));
        }
        for id in 2_000..2_003 {
            let earlier = log.recent().rotated_at.checked_sub(Duration::from_mins(2));
            log.recent().rotated_at = earlier.unwrap();
            log.record(&[change(id)]);
        }
        let recent = log.recent();
        assert!(recent.young.len() + recent.old.len() <= 2);
    }
}
