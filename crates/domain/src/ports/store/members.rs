//! Members and tombstones in the store.

use crate::model::fingerprint::Fingerprint;
use crate::model::member::personal_data::ExportedTable;
use crate::model::member::query::MemberQuery;
use crate::model::member::{Member, MemberId};
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

/// Reads members outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MemberReader: Send + Sync {
    /// Returns the member with this id, as last committed.
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError>;
}

/// Searches members outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MemberSearch: Send + Sync {
    /// Returns the members that match the query, as last committed, the newest first.
    async fn search(&self, query: &MemberQuery) -> Result<Vec<Member>, StoreError>;
}

/// Reads all personal data of a member outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait PersonalDataReader: Send + Sync {
    /// Exports all data stored about a member, as last committed.
    ///
    /// MUST contain every value of every row that references the member, and no value of another member.
    async fn export_member(&self, member: MemberId) -> Result<Vec<ExportedTable>, StoreError>;
}
