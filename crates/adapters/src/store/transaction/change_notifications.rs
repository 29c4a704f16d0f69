//! What one unit of work changes of members, for those who remember them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::cache::invalidation::{Change, ChangeNotifier};

/// Told once it is committed.
pub(crate) struct Told {
    news: Option<Arc<dyn ChangeNotifier>>,
    changes: Mutex<Vec<Change>>,
}

impl Told {
    pub(crate) fn to(news: Option<Arc<dyn ChangeNotifier>>) -> Self {
        Self { news, changes: Mutex::default() }
    }

    pub(crate) fn changes(&self, changes: impl IntoIterator<Item = Change>) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
    }

    pub(crate) async fn committed(self) {
        let changes = self.changes.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(news) = self.news.filter(|_| !changes.is_empty()) {
            news.notify(&changes).await;
        }
    }
}
