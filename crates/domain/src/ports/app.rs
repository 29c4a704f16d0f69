//! What makes a registered app work.

use crate::model::app::policy::AppPolicy;
use crate::model::identity::{Subject, SubjectKind};
use crate::ports::provider::{IdentityProvider, PhoneProvider};
use crate::ports::pushes::PushReader;
use crate::ports::session_keys::SessionKeys;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::model::app::name::{AppId, AppName};
use crate::model::app::registered::RegisteredApp;
use crate::model::app::secret::AppSecretKind;

/// Makes an app's secrets fit to be stored.
///
/// An implementation MUST seal a secret so that nobody without the sealing key reads it, and so that it
/// opens for its own app and as its own kind only.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait AppSecretSeal: Send + Sync {
    /// Seals a secret of an app.
    fn seal(&self, app: &AppName, kind: AppSecretKind, secret: &str) -> Vec<u8>;
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

/// One app: how its users are verified, and what is asked of them.
pub struct App {
    /// Its name here.
    pub name: AppName,
    /// The provider's id of it.
    pub app_id: AppId,
    /// The namespace of the subjects that log in.
    pub namespace: String,
    /// What is configurable about it.
    pub policy: AppPolicy,
    /// Whether nobody may log in.
    pub disabled: bool,
    /// Who tells whom a login code belongs to.
    pub identity: Arc<dyn IdentityProvider>,
    /// Who tells which phone number a phone code stands for.
    pub phone: Arc<dyn PhoneProvider>,
    /// What it takes to keep the users' session keys, where they are kept at all.
    pub session_keys: Option<SessionKeys>,
    /// What reads the provider's pushes, where it takes any.
    pub pushes: Option<Arc<dyn PushReader>>,
}

/// Nobody may log in to the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the app is disabled")]
pub struct AppDisabled;

impl App {
    /// Refuses everybody where the app is disabled.
    pub fn ensure_enabled(&self) -> Result<(), AppDisabled> {
        if self.disabled { Err(AppDisabled) } else { Ok(()) }
    }

    /// The user of this id within the app.
    #[must_use]
    pub fn subject_of(&self, open_id: &str) -> Subject {
        let namespace = self.namespace.clone();
        Subject { namespace, kind: SubjectKind::OpenId, value: open_id.to_owned() }
    }

    /// Who somebody with these subjects is within the app.
    #[must_use]
    pub fn subject_in<'a>(&self, subjects: &'a [Subject]) -> Option<&'a Subject> {
        let mut subjects = subjects.iter();
        subjects.find(|one| one.kind == SubjectKind::OpenId && one.namespace == self.namespace)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({} {})", self.name.as_str(), self.app_id.as_str())
    }
}

impl App {
    pub(crate) fn matches(&self, named: &str) -> bool {
        [self.name.as_str(), self.app_id.as_str()].contains(&named)
    }
}
