//! Cache invalidation: change notifications and the log of recent changes.

use async_trait::async_trait;
use domain::model::member::MemberId;
use domain::model::session::SessionId;
use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Something that is no longer as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A member was changed or is no more, or several of their sessions ended.
    Member(MemberId),
    /// A session was prolonged or ended.
    Session(SessionId),
}

/// Who is told what was committed.
///
/// An implementation MUST have told this instance when it returns, and soon after every other one that it
/// can reach. It MUST NOT fail, nor wait for long.
#[async_trait]
pub trait ChangeNotifier: Send + Sync {
    /// Tells of changes that have just been committed.
    async fn notify(&self, changes: &[Change]);
}

/// What changed lately. Whatever was read before that is out of date.
///
/// A reading counts from when it began: one that met the old state began before the change was committed,
/// and so before it was told, however late it comes to be remembered.
pub struct InvalidationLog {
    pub(super) ttl: Duration,
    lately: Mutex<Recent>,
}

pub(super) struct Recent {
    /// When everything counted as changed.
    pub(super) all: Option<Instant>,
    pub(super) young: HashMap<Change, Instant>,
    /// Those from before `turned`, which are kept as long as anything read before them is remembered.
    pub(super) old: HashMap<Change, Instant>,
    pub(super) turned: Instant,
}

impl InvalidationLog {
    /// Notes changes for caches that remember for so long.
    #[must_use]
    pub fn new(life: Duration) -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        let lately = Recent { all: None, young, old, turned: Instant::now() };
        Self { ttl: life, lately: Mutex::new(lately) }
    }

    /// Notes that anything may have changed.
    pub(crate) fn invalidate_all(&self) {
        self.lately().all = Some(Instant::now());
    }

    /// Notes that these changed.
    pub(crate) fn record(&self, changes: &[Change]) {
        if self.ttl.is_zero() {
            return;
        }
        let (mut lately, now) = (self.lately(), Instant::now());
        if now.duration_since(lately.turned) > self.ttl {
            lately.old = mem::take(&mut lately.young);
            lately.turned = now;
        }
        lately.young.extend(changes.iter().map(|change| (*change, now)));
    }

    /// Whether what was read of these since `began` still stands.
    pub(super) fn is_fresh(&self, began: Instant, parts: [Change; 2]) -> bool {
        if began.elapsed() >= self.ttl {
            return false;
        }
        let lately = self.lately();
        let changed = parts.iter().flat_map(|part| [lately.young.get(part), lately.old.get(part)]);
        changed.flatten().chain(&lately.all).all(|changed| *changed < began)
    }

    pub(super) fn lately(&self) -> MutexGuard<'_, Recent> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ChangeNotifier for InvalidationLog {
    async fn notify(&self, changes: &[Change]) {
        self.record(changes);
    }
}
