//! Members and tombstones in the store.

use crate::model::identity::Subject;
use crate::model::member::personal_data::ExportedTable;
use crate::model::member::query::MemberQuery;
use crate::model::member::{Member, MemberId};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use crate::ports::store::error::UpdateError;
use async_trait::async_trait;

/// Members within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MemberRepository: Send + Sync {
    /// Returns the member with this id.
    async fn find(&self, id: MemberId) -> Result<Option<Member>, StoreError>;

    /// Returns the member with this id, and locks it until the end of the unit of work.
    ///
    /// While the member is locked, no concurrent unit of work MUST be able to change, remove or lock it, or
    /// to add rows that reference it. MUST wait for a unit of work that does, and then return the member as
    /// that one has committed it.
    async fn find_for_update(&self, id: MemberId) -> Result<Option<Member>, StoreError>;

    /// Adds a member. MUST return [`AddError::Taken`] and leave the unit of work usable if another
    /// member has the phone number, also from a concurrent unit of work.
    async fn add(&self, member: &Member) -> Result<(), AddError>;

    /// Updates a member and increments its version.
    ///
    /// MUST return [`UpdateError::Stale`] if the stored version is not `member.version`, and
    /// [`UpdateError::Taken`] if another member has the phone number; after either, the unit of work
    /// MUST be dropped.
    async fn update(&self, member: &Member) -> Result<(), UpdateError>;

    /// Removes a member and all rows that reference the member, except audit events.
    ///
    /// MUST return [`UpdateError::Stale`] if the stored version is not `member.version`; after that,
    /// the unit of work MUST be dropped.
    async fn remove(&self, member: &Member) -> Result<(), UpdateError>;
}

/// Tombstones within a unit of work: fingerprints of the subjects of banned members that were erased, kept
/// to refuse their next login. Members that were not banned leave no tombstone; their next login registers
/// a new member.
///
/// An implementation MUST store lasting fingerprints: keyed with a secret, so that a guessed subject cannot
/// be tested without it, and found after any number of changes of the sealing key.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait TombstoneRepository: Send + Sync {
    /// Adds a tombstone for each subject; existing ones stay unchanged.
    async fn add(&self, subjects: &[Subject], now: Timestamp) -> Result<(), StoreError>;

    /// Returns `true` if one of the subjects has a tombstone.
    async fn exists_any(&self, subjects: &[Subject]) -> Result<bool, StoreError>;
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
