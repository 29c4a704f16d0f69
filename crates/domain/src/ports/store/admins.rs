//! Administrators in the store.

use crate::model::admin::{Admin, AdminId, AdminName, AdminSession};
use crate::model::fingerprint::Fingerprint;
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use crate::ports::store::error::UpdateError;
use async_trait::async_trait;

/// Administrators and their sessions within a unit of work. Ended sessions are deleted.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AdminRepository: Send + Sync {
    /// Returns the account with this id.
    async fn find(&self, id: AdminId) -> Result<Option<Admin>, StoreError>;

    /// Returns the account with this id, and locks it until the end of the unit of work.
    ///
    /// While the account is locked, no concurrent unit of work MUST be able to change or lock it. MUST wait
    /// for a unit of work that does, and then return the account as that one has committed it.
    async fn find_for_update(&self, id: AdminId) -> Result<Option<Admin>, StoreError>;

    /// Returns the account with this name.
    async fn find_by_name(&self, name: &AdminName) -> Result<Option<Admin>, StoreError>;

    /// Adds an account. MUST return [`AddError::Taken`] if the name is in use, also by a concurrent
    /// unit of work.
    async fn add(&self, admin: &Admin) -> Result<(), AddError>;

    /// Updates an account except its name, and increments its version. MUST return
    /// [`UpdateError::Stale`] if the stored version is not `admin.version`; after that, the unit of
    /// work MUST be dropped.
    async fn update(&self, admin: &Admin) -> Result<(), UpdateError>;

    /// Adds a session of an existing account.
    async fn add_session(&self, session: &AdminSession) -> Result<(), StoreError>;

    /// Records the use of a session, if it exists.
    async fn touch_session(&self, token: &Fingerprint, at: Timestamp) -> Result<(), StoreError>;

    /// Ends a session, if it exists.
    async fn end_session(&self, token: &Fingerprint) -> Result<(), StoreError>;

    /// Ends all sessions of an account.
    async fn end_all_sessions(&self, admin: AdminId) -> Result<(), StoreError>;
}

/// Reads administrators outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AdminReader: Send + Sync {
    /// Returns the account with this name, as last committed.
    async fn find_admin(&self, name: &AdminName) -> Result<Option<Admin>, StoreError>;

    /// Returns a session and its account, as last committed.
    async fn find_admin_session(
        &self,
        token: &Fingerprint,
    ) -> Result<Option<(AdminSession, Admin)>, StoreError>;

    /// Returns all accounts, as last committed, in the order of their creation.
    async fn admins(&self) -> Result<Vec<Admin>, StoreError>;
}
