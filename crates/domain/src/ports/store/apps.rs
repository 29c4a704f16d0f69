//! Registered apps in the store.

use crate::model::app::name::AppName;
use crate::model::app::registered::RegisteredApp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use crate::ports::store::error::UpdateError;
use async_trait::async_trait;

/// The apps that administrators have added, within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AppRepository: Send + Sync {
    /// The app of this name.
    async fn find(&self, name: &AppName) -> Result<Option<RegisteredApp>, StoreError>;

    /// Adds an app. MUST be [`AddError::Taken`] when its name or its app id is another one's; that
    /// includes one that is being added at this moment elsewhere. The unit of work is only good for
    /// dropping then.
    async fn add(&self, app: &RegisteredApp) -> Result<(), AddError>;

    /// Writes an app back, all but its name and its app id, and counts its version up. MUST be
    /// [`UpdateError::Stale`] when the stored version is no longer `app.version`; the unit of work is
    /// only good for dropping then.
    async fn update(&self, app: &RegisteredApp) -> Result<(), UpdateError>;

    /// Removes an app. MUST be [`UpdateError::Stale`] when the stored version is no longer `app.version`;
    /// the unit of work is only good for dropping then.
    async fn remove(&self, app: &RegisteredApp) -> Result<(), UpdateError>;
}

/// Reads the apps that administrators have added outside of any unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AppReader: Send + Sync {
    /// All of them, as last committed, in the order in which they were added.
    async fn registered_apps(&self) -> Result<Vec<RegisteredApp>, StoreError>;
}
