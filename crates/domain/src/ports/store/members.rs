//! Members and tombstones in the store.

use crate::model::fingerprint::Fingerprint;
use crate::model::identity::Subject;
use crate::model::login::redemption::Redemption;
use crate::model::member::personal_data::ExportedTable;
use crate::model::member::query::MemberQuery;
use crate::model::member::{Member, MemberId};
use crate::model::provider::session_key::SealedSessionKey;
use crate::model::provider::withdrawal::Withdrawal;
use crate::model::session::{Session, SessionId};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use crate::ports::store::error::UpdateError;
use async_trait::async_trait;

/// The members within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MemberRepository: Send + Sync {
    /// The member of this id.
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError>;

    /// Adds a member. MUST be [`AddError::Taken`], leaving the unit of work usable, when the phone
    /// number is another member's; that includes one who is being added at this moment elsewhere.
    async fn add(&self, member: &Member) -> Result<(), AddError>;

    /// Writes a member back and counts its version up.
    ///
    /// MUST be [`UpdateError::Stale`] when the stored version is no longer `member.version`, and
    /// [`UpdateError::Taken`] when the phone number is another member's; after either the unit of
    /// work is only good for dropping.
    async fn update(&self, member: &Member) -> Result<(), UpdateError>;

    /// Removes a member. MUST remove with them everything that names them but security events.
    ///
    /// MUST be [`UpdateError::Stale`] when the stored version is no longer `member.version`; the unit of
    /// work is only good for dropping then.
    async fn remove(&self, member: &Member) -> Result<(), UpdateError>;
}

/// The tombstones within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait TombstoneRepository: Send + Sync {
    /// Adds tombstones; those that are there already stay as they are.
    async fn add(&self, tombstones: &[Fingerprint], now: Timestamp) -> Result<(), StoreError>;

    /// Whether one of these is there.
    async fn exists_any(&self, tombstones: &[Fingerprint]) -> Result<bool, StoreError>;
}

/// Reads members outside of any unit of work, for requests that only look.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MemberReader: Send + Sync {
    /// The member of this id, as last committed.
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError>;

    /// A session and its member, as last committed.
    async fn find_session(&self, id: SessionId) -> Result<Option<(Session, Member)>, StoreError>;

    /// All sessions of a member, as last committed, in no order.
    async fn list_sessions(&self, member: MemberId) -> Result<Vec<Session>, StoreError>;

    /// Members, as last committed: those that a query means, the newest first.
    async fn search(&self, query: &MemberQuery) -> Result<Vec<Member>, StoreError>;

    /// Everything that is held of a member, as last committed. MUST tell every value of every row that
    /// names the member, and none of any other's.
    async fn export_member(&self, member: MemberId) -> Result<Vec<ExportedTable>, StoreError>;

    /// The withdrawals to be obeyed, as last committed: at most `limit`, the oldest first.
    async fn withdrawals(&self, limit: u64) -> Result<Vec<Withdrawal>, StoreError>;

    /// All subjects of a member, as last committed, in no order.
    async fn list_identities(&self, member: MemberId) -> Result<Vec<Subject>, StoreError>;

    /// The session key kept of a user, as last committed.
    async fn find_session_key(
        &self,
        user: &Subject,
    ) -> Result<Option<SealedSessionKey>, StoreError>;

    /// What became of a login code, as last committed.
    async fn find_redemption(&self, code: &Fingerprint) -> Result<Option<Redemption>, StoreError>;

    /// Whether the store answers.
    async fn ready(&self) -> Result<(), StoreError>;
}
