//! Registered apps in the store.

use crate::model::app::name::AppName;
use crate::model::app::registered::RegisteredApp;
use crate::ports::store::error::AddError;
use crate::ports::store::error::StoreError;
use crate::ports::store::error::UpdateError;
use async_trait::async_trait;

/// Registered apps within a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AppRepository: Send + Sync {
    /// Returns the app with this name.
    async fn find(&self, name: &AppName) -> Result<Option<RegisteredApp>, StoreError>;

    /// Adds an app. MUST return [`AddError::Taken`] if its name or app id is in use, also by a
    /// concurrent unit of work; after that, the unit of work MUST be dropped.
    async fn add(&self, app: &RegisteredApp) -> Result<(), AddError>;

    /// Updates an app except its name and app id, and increments its version. MUST return
    /// [`UpdateError::Stale`] if the stored version is not `app.version`; after that, the unit of work
    /// MUST be dropped.
    async fn update(&self, app: &RegisteredApp) -> Result<(), UpdateError>;

    /// Removes an app. MUST return [`UpdateError::Stale`] if the stored version is not `app.version`;
    /// after that, the unit of work MUST be dropped.
    async fn remove(&self, app: &RegisteredApp) -> Result<(), UpdateError>;
}

/// Reads registered apps outside of a unit of work.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait AppReader: Send + Sync {
    /// Returns all apps, as last committed, in the order of their addition.
    async fn registered_apps(&self) -> Result<Vec<RegisteredApp>, StoreError>;
}
