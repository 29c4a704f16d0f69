//! The store of members, identities, sessions, signing keys, administrators and apps.
//!
//! A use case does all its outside calls first, then begins a unit of work, reads, decides, writes
//! and commits. Dropping a unit of work undoes it. One that came to nothing because others were quicker
//! is done again by [`retry_on_contention`](crate::use_cases::retry::retry_on_contention).

pub mod admins;
pub mod apps;
pub mod audit;
pub mod error;
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

/// Where everything lasting is kept.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Store: Send + Sync {
    /// Begins a unit of work.
    ///
    /// Whatever is done in it MUST fail with [`Contention`] when it stands in the way of others, or builds
    /// on what they have removed meanwhile, and MUST NOT do so before a moment of random length where
    /// those who begin again at once would only meet again.
    ///
    /// An implementation MUST NOT leave anything locked or half open when the caller is cancelled
    /// while this or any later call waits.
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError>;

    /// MUST wipe what committed units of work have removed off the medium, as far as that is in the
    /// store's own hands.
    async fn purge_deleted(&self) -> Result<(), StoreError>;
}

/// Changes that happen together or not at all.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait UnitOfWork: Send + Sync {
    /// The members.
    fn members(&self) -> &dyn MemberRepository;

    /// Under which subjects they are known.
    fn identities(&self) -> &dyn IdentityRepository;

    /// Their sessions.
    fn sessions(&self) -> &dyn SessionRepository;

    /// The login codes that were redeemed.
    fn redemptions(&self) -> &dyn RedemptionRepository;

    /// The session keys that are kept.
    fn session_keys(&self) -> &dyn SessionKeyRepository;

    /// The record of security events.
    fn audit(&self) -> &dyn AuditLog;

    /// The administrators and their sessions.
    fn admins(&self) -> &dyn AdminRepository;

    /// The apps that administrators have added.
    fn apps(&self) -> &dyn AppRepository;

    /// What is left of banned members who were erased.
    fn tombstones(&self) -> &dyn TombstoneRepository;

    /// The provider's pushes.
    fn pushes(&self) -> &dyn PushRepository;

    /// The events that receivers are still to be told of.
    fn outbox(&self) -> &dyn Outbox;

    /// The keys that sign access tokens.
    fn signing_keys(&self) -> &dyn SigningKeyRepository;

    /// Makes everything lasting. What a commit has acknowledged MUST survive a crash and a power cut, and so
    /// MUST all that was read: who only reads, and tells somebody that something is so, commits as well.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}

/// Checks the connection to the store.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait StoreHealth: Send + Sync {
    /// Fails unless the store answers a query.
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
        + StoreHealth
{
}
