//! Sessions in the store.

use crate::model::member::{Member, MemberId};
use crate::model::session::{Session, SessionId};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// Sessions within a unit of work. Ended sessions are deleted.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionRepository: Send + Sync {
    /// Returns the session with this id.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Returns the session with this id and its member.
    async fn find_with_member(
        &self,
        id: SessionId,
    ) -> Result<Option<(Session, Member)>, StoreError>;

    /// Returns all sessions of a member, in no order.
    async fn list_by_member(&self, member: MemberId) -> Result<Vec<Session>, StoreError>;

    /// Adds a session of an existing member.
    async fn add(&self, session: &Session) -> Result<(), StoreError>;

    /// Updates a refreshed session. MUST return `false` and change nothing unless the stored session
    /// has the generation before the one of `next`, also under concurrency.
    async fn advance(&self, next: &Session) -> Result<bool, StoreError>;

    /// Ends sessions, as far as they exist.
    async fn remove(&self, sessions: &[SessionId]) -> Result<(), StoreError>;

    /// Ends all sessions of a member.
    async fn remove_all(&self, member: MemberId) -> Result<(), StoreError>;

    /// Ends at most `limit` sessions that were opened at `then` or before, of any member, and returns their
    /// number.
    async fn remove_opened_until(&self, then: Timestamp, limit: u64) -> Result<u64, StoreError>;

    /// Returns the epoch of the stored sessions; 0 before the first call of [`Self::start_epoch`].
    async fn epoch(&self) -> Result<u32, StoreError>;

    /// Starts an epoch. MUST NOT replace a later one, also under concurrency.
    async fn start_epoch(&self, epoch: u32) -> Result<(), StoreError>;
}

/// Reads single sessions outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionReader: Send + Sync {
    /// Returns a session and its member, as last committed.
    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError>;
}

/// Lists sessions outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionLister: Send + Sync {
    /// Returns all sessions of a member, as last committed, in no order.
    async fn list_sessions(&self, member: MemberId) -> Result<Vec<Session>, StoreError>;
}
