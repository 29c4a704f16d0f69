//! Logout, and management of a member's own sessions.

use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::session::claims::Caller;
use crate::model::session::{Session, SessionId};
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::store::sessions::SessionLister;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Lists and ends the caller's own sessions.
pub struct ManageSessions {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Lists of sessions.
    pub sessions: Arc<dyn SessionLister>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// Reason why a session was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndSessionError {
    /// The session does not exist or belongs to another member.
    #[error("the member has no such session")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ManageSessions {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            store: ports.store.clone(),
            sessions: ports.readers.session_lists.clone(),
            clock: ports.clock.clone(),
        }
    }

    /// Ends the session of the access token.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), StoreError> {
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.sessions().remove(&[caller.session]).await?;
            work.commit().await
        })
        .await
    }

    /// Ends all sessions of the caller.
    pub async fn log_out_everywhere(&self, caller: &Caller) -> Result<(), StoreError> {
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.sessions().remove_all(caller.member).await?;
            work.commit().await
        })
        .await
    }

    /// Ends one session of the caller, on this or another device.
    pub async fn end_session(
        &self,
        caller: &Caller,
        session: SessionId,
    ) -> Result<(), EndSessionError> {
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            let found = work.sessions().find(session).await?;
            found.filter(|found| found.member == caller.member).ok_or(EndSessionError::NotFound)?;
            work.sessions().remove(&[session]).await?;
            Ok(work.commit().await?)
        })
        .await
    }

    /// Returns the active sessions of the caller, the last refreshed first.
    pub async fn list_sessions(&self, caller: &Caller) -> Result<Vec<Session>, StoreError> {
        let now = self.clock.now();
        let mut sessions = self.sessions.list_sessions(caller.member).await?;
        sessions.retain(|session| session.is_alive(now));
        sessions.sort_by_key(|session| std::cmp::Reverse((session.refreshed_at, session.id.0)));
        Ok(sessions)
    }
}
