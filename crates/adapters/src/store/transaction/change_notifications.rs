//! Change notifications of a unit of work, published after its commit.

use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::invalidation::{Change, ChangeNotifier};

/// Changes of a unit of work that are published once it is committed.
pub(crate) struct PendingNotifications {
    notifier: Option<Arc<dyn ChangeNotifier>>,
    changes: Mutex<Vec<Change>>,
}

impl PendingNotifications {
    pub(crate) fn new(notifier: Option<Arc<dyn ChangeNotifier>>) -> Self {
        Self { notifier, changes: Mutex::default() }
    }

    /// Adds changes of the unit of work.
    pub(crate) fn add(&self, changes: impl IntoIterator<Item = Change>) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
    }

    /// Publishes the changes, which have just been committed.
    pub(super) async fn publish(self) {
        let changes = self.changes.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(notifier) = self.notifier.filter(|_| !changes.is_empty()) {
            notifier.notify(&changes).await;
        }
    }
}
