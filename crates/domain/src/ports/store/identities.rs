//! Identities in the store.

use crate::model::identity::{KnownMember, Subject};
use crate::model::member::MemberId;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use async_trait::async_trait;

/// The subjects of members within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait IdentityRepository: Send + Sync {
    /// The member known under this subject, with all their subjects. Values MUST be compared byte by
    /// byte: case and trailing blanks count.
    async fn find_by_subject(&self, subject: &Subject) -> Result<Option<KnownMember>, StoreError>;

    /// All subjects of a member, in no order.
    async fn list_by_member(&self, member: MemberId) -> Result<Vec<Subject>, StoreError>;

    /// Makes a member known under one more subject. MUST be [`AddError::Taken`], leaving the unit of
    /// work usable, when the subject is a member's already; that includes one that is being added at
    /// this moment elsewhere.
    async fn add(
        &self,
        member: MemberId,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<(), AddError>;

    /// Makes their member unknown under these subjects.
    async fn remove(&self, subjects: &[Subject]) -> Result<(), StoreError>;

    /// Makes one member known under everything that another is known under now.
    async fn reassign(&self, from: MemberId, to: MemberId) -> Result<(), StoreError>;

    /// Whether anyone is known under a subject of this namespace.
    async fn exists_in_namespace(&self, namespace: &str) -> Result<bool, StoreError>;
}

/// Reads identities outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait IdentityReader: Send + Sync {
    /// Returns all subjects of a member, as last committed, in no order.
    async fn list_identities(&self, member: MemberId) -> Result<Vec<Subject>, StoreError>;
}
