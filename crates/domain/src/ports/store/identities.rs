//! Identities in the store.

use crate::model::identity::{KnownMember, Subject};
use crate::model::member::MemberId;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// Subjects of members within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait IdentityRepository: Send + Sync {
    /// Returns the member of a subject, with all subjects of the member. Values MUST be compared byte
    /// by byte, including case and trailing blanks.
    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<KnownMember>, StoreError>;

    /// Returns all subjects of a member, in no order.
    async fn list_by_member(&self, member: MemberId) -> Result<Vec<Subject>, StoreError>;

    /// Adds a subject to a member. MUST return [`AddError::Taken`] and leave the unit of work usable if
    /// the subject has a member already, also from a concurrent unit of work.
    async fn add(
        &self,
        member: MemberId,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(), AddError>;

    /// Removes subjects from their members.
    async fn remove(&self, subjects: &[Subject]) -> Result<(), StoreError>;

    /// Moves all subjects of one member to another one.
    async fn reassign(&self, from: MemberId, to: MemberId) -> Result<(), StoreError>;

    /// Returns `true` if a subject of this namespace exists.
    async fn exists_in_namespace(&self, namespace: &str) -> Result<bool, StoreError>;
}

/// Reads identities outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait IdentityReader: Send + Sync {
    /// Returns all subjects of a member, as last committed, in no order.
    async fn list_identities(&self, member: MemberId) -> Result<Vec<Subject>, StoreError>;
}
