//! Persistent store: units of work with a repository for each aggregate, and readers.
//!
//! A use case makes all outside calls first, then begins a unit of work, reads, decides, writes and
//! commits. A dropped unit of work is rolled back. One that failed because of a concurrent change is
//! repeated by [`retry_on_contention`](crate::use_cases::retry::retry_on_contention).

pub mod admins;
pub mod apps;
pub mod audit;
pub mod error;
pub mod expired_rows;
pub mod identities;
pub mod members;
pub mod outbox;
pub mod pushes;
pub mod redemptions;
pub mod session_keys;
pub mod sessions;
pub mod signing_keys;

use crate::ports::store::admins::{AdminReader, AdminRepository};
use crate::ports::store::apps::{AppReader, AppRepository};
use crate::ports::store::audit::{AuditLog, AuditReader};
use crate::ports::store::error::StoreError;
use crate::ports::store::expired_rows::{ExpiredRowReader, ExpiredRowRepository};
use crate::ports::store::identities::{IdentityReader, IdentityRepository};
use crate::ports::store::members::{
    MemberReader, MemberRepository, MemberSearch, PersonalDataReader, TombstoneRepository,
};
use crate::ports::store::outbox::{Outbox, OutboxReader};
use crate::ports::store::pushes::{PushRepository, WithdrawalReader};
use crate::ports::store::redemptions::{RedemptionReader, RedemptionRepository};
use crate::ports::store::session_keys::{SessionKeyReader, SessionKeyRepository};
use crate::ports::store::sessions::{SessionLister, SessionReader, SessionRepository};
use crate::ports::store::signing_keys::{SigningKeyReader, SigningKeyRepository};

use async_trait::async_trait;

/// Persistent store.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Store: Send + Sync {
    /// Begins a unit of work.
    ///
    /// Any operation in it MUST fail with [`Contention`](error::Contention) if it conflicts with a
    /// concurrent unit of work, or relies on rows that one has removed. If an immediate retry would
    /// conflict again, it MUST do so after a random delay.
    ///
    /// An implementation MUST NOT leave locks or open transactions behind if the caller is cancelled
    /// during this or any later call.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// Removes the data that committed units of work have deleted from the storage medium, as far as the
    /// store controls it. A background job calls this again and again: a call takes as long as the medium
    /// requires, does nothing if nothing was deleted since the last one, and is resumed by the next one if
    /// it fails or is cancelled. It MUST NOT hold up a unit of work for longer than a second.
    async fn purge_deleted(&self) -> Result<(), StoreError>;
}

/// Atomic set of changes.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait UnitOfWork: Send + Sync {
    /// Members.
    fn members(&self) -> &dyn MemberRepository;

    /// Identities of members.
    fn identities(&self) -> &dyn IdentityRepository;

    /// Sessions.
    fn sessions(&self) -> &dyn SessionRepository;

    /// Redeemed login codes.
    fn redemptions(&self) -> &dyn RedemptionRepository;

    /// Stored session keys.
    fn session_keys(&self) -> &dyn SessionKeyRepository;

    /// Audit log.
    fn audit(&self) -> &dyn AuditLog;

    /// Administrators and their sessions.
    fn admins(&self) -> &dyn AdminRepository;

    /// Registered apps.
    fn apps(&self) -> &dyn AppRepository;

    /// Tombstones of banned members that were erased.
    fn tombstones(&self) -> &dyn TombstoneRepository;

    /// Message pushes of the provider.
    fn pushes(&self) -> &dyn PushRepository;

    /// Outbox of webhook events.
    fn outbox(&self) -> &dyn Outbox;

    /// Signing keys.
    fn signing_keys(&self) -> &dyn SigningKeyRepository;

    /// Expired rows.
    fn expired_rows(&self) -> &dyn ExpiredRowRepository;

    /// Commits the changes. Acknowledged changes MUST survive a crash and a power cut, and so MUST all
    /// data that the unit of work has read: with group commit, data that it has read may not be durable
    /// before. Therefore a unit of work that only read MUST be committed before its result is reported
    /// to a client.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Checks that the store works.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Fails unless the store has recently kept a write, or keeps one now.
    async fn ready(&self) -> Result<(), StoreError>;
}

/// All read ports of one store. Implemented for every type that implements each of them.
pub trait StoreReader:
    MemberReader
    + MemberSearch
    + PersonalDataReader
    + IdentityReader
    + SessionReader
    + SessionLister
    + RedemptionReader
    + SessionKeyReader
    + WithdrawalReader
    + AuditReader
    + AdminReader
    + AppReader
    + OutboxReader
    + SigningKeyReader
    + ExpiredRowReader
    + StoreHealth
{
}

impl<T> StoreReader for T where
    T: MemberReader
        + MemberSearch
        + PersonalDataReader
        + IdentityReader
        + SessionReader
        + SessionLister
        + RedemptionReader
        + SessionKeyReader
        + WithdrawalReader
        + AuditReader
        + AdminReader
        + AppReader
        + OutboxReader
        + SigningKeyReader
        + ExpiredRowReader
        + StoreHealth
{
}
