//! What one unit of work changes of members, for those who remember them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::member_cache::{Change, MemberNews};

/// Told once it is committed.
pub(super) struct Told {
    news: Option<Arc<dyn MemberNews>>,
    changes: Mutex<Vec<Change>>,
}

impl Told {
    pub(super) fn to(news: Option<Arc<dyn MemberNews>>) -> Self {
        Self { news, changes: Mutex::default() }
    }

    pub(super) fn changes(&self, changes: impl IntoIterator<Item = Change>) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).extend(changes);
    }

    pub(super) async fn committed(self) {
        let changes = self.changes.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(news) = self.news.filter(|_| !changes.is_empty()) {
            news.tell(&changes).await;
        }
    }
}
