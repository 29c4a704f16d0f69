//! Administrators in the store.

use crate::model::admin::{Admin, AdminId, AdminName, AdminSession};
use crate::model::fingerprint::Fingerprint;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use crate::ports::store::error::UpdateError;
use async_trait::async_trait;

/// The administrators within a unit of work, and their sessions. A session that is not there has ended.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AdminRepository: Send + Sync {
    /// The account of this id.
    async fn find(&self, id: AdminId) -> Result<Option<Admin>, StoreError>;

    /// The account of this name.
    async fn find_named(&self, name: &AdminName) -> Result<Option<Admin>, StoreError>;

    /// Adds an account. MUST be [`AddError::Taken`] when the name is another one's; that includes one that
    /// is being added at this moment elsewhere.
    async fn add(&self, admin: &Admin) -> Result<(), AddError>;

    /// Writes an account back, all but its name, and counts its version up. MUST be
    /// [`UpdateError::Stale`] when the stored version is no longer `admin.version`; the unit of work is
    /// only good for dropping then.
    async fn update(&self, admin: &Admin) -> Result<(), UpdateError>;

    /// Adds a session of an existing account.
    async fn add_session(&self, session: &AdminSession) -> Result<(), StoreError>;

    /// Writes down that a session was used, if it is there.
    async fn touch_session(&self, token: &Fingerprint, at: Timestamp) -> Result<(), StoreError>;

    /// Ends a session, if it is there.
    async fn end_session(&self, token: &Fingerprint) -> Result<(), StoreError>;

    /// Ends all sessions of an account.
    async fn end_all_sessions(&self, admin: AdminId) -> Result<(), StoreError>;

    /// Forgets the sessions that were not used since `then`.
    async fn delete_sessions_before(&self, then: Timestamp) -> Result<(), StoreError>;
}

/// Reads administrators outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AdminReader: Send + Sync {
    /// The account of this name, as last committed.
    async fn find_admin(&self, name: &AdminName) -> Result<Option<Admin>, StoreError>;

    /// A session and its account, as last committed.
    async fn find_admin_session(
        &self,
        token: &Fingerprint,
    ) -> Result<Option<(AdminSession, Admin)>, StoreError>;

    /// All accounts, as last committed, in the order in which they were made.
    async fn admins(&self) -> Result<Vec<Admin>, StoreError>;
}
