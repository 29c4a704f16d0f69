//! What makes a registered app work.

use std::error::Error;

use crate::app::{App, AppId, AppName};
use crate::app_secret::SharedKind;
use crate::registered_app::RegisteredApp;

/// Makes an app's secrets fit to be stored.
///
/// An implementation MUST seal a secret so that nobody without the sealing key reads it, and so that it
/// opens for its own app and as its own kind only.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait AppSecretSeal: Send + Sync {
    /// Seals a secret of an app.
    fn seal(&self, app: &AppName, kind: SharedKind, secret: &str) -> Vec<u8>;
}

/// Joins registered apps with their provider.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait AppFactory: Send + Sync {
    /// The app, ready to log people in; the provider is not asked.
    ///
    /// Where a former secret is kept, the app MUST be believed by the provider as long as either is good.
    /// A former secret or what pushes are believed by that does not open MUST NOT keep the app from
    /// working otherwise.
    fn build(&self, app: &RegisteredApp) -> Result<App, BuildAppError>;

    /// The namespace of the subjects that log in to an app of this id.
    fn namespace(&self, app_id: &AppId) -> String;
}

/// An app cannot be made to work.
#[derive(Debug, thiserror::Error)]
pub enum BuildAppError {
    /// Its secret does not open: the sealing key is another one, or somebody changed the row.
    #[error("the app's secret does not open: is `sealing.key` the one it was sealed with?")]
    Sealed(#[source] Box<dyn Error + Send + Sync>),
    /// Its secret is not fit to be one.
    #[error("{0}")]
    Secret(String),
    /// What its pushes are to be believed by is not fit for that.
    #[error("{0}")]
    Push(String),
}
