//! Apps: their ports, and the sealing and construction of registered apps.

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

/// Encrypts the secrets of registered apps.
///
/// An implementation MUST encrypt a secret so that it cannot be read without the sealing key, and bind
/// it to its app and kind.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait AppSecretSeal: Send + Sync {
    /// Encrypts a secret of an app.
    fn seal(&self, app: &AppName, kind: AppSecretKind, secret: &str) -> Vec<u8>;
}

/// Builds apps over their identity provider.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait AppFactory: Send + Sync {
    /// Builds a registered app, without a call to the provider.
    ///
    /// With a former secret, the app MUST work while the provider accepts either secret. A former
    /// secret or message push settings that cannot be decrypted MUST NOT disable the rest of the app.
    fn build(&self, app: &RegisteredApp) -> Result<App, BuildAppError>;

    /// Returns the namespace of the subjects of an app id.
    fn namespace(&self, app_id: &AppId) -> String;
}

/// Error: a registered app could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildAppError {
    /// The secret cannot be decrypted: the sealing key is another one, or the row was changed.
    #[error(
        "the app secret cannot be decrypted: check that `sealing.key` is the key it was sealed with"
    )]
    Sealed(#[source] Box<dyn Error + Send + Sync>),
    /// The secret is invalid.
    #[error("{0}")]
    Secret(String),
    /// The message push settings are invalid.
    #[error("{0}")]
    Push(String),
}

/// An app: its provider ports and its policy.
pub struct App {
    /// Name in this service.
    pub name: AppName,
    /// App id at the provider.
    pub app_id: AppId,
    /// Namespace of the subjects of its users.
    pub namespace: String,
    /// Policy of the app.
    pub policy: AppPolicy,
    /// Refuses logins and refreshes if true.
    pub disabled: bool,
    /// Redemption of login codes.
    pub identity: Arc<dyn IdentityProvider>,
    /// Redemption of phone codes.
    pub phone: Arc<dyn PhoneProvider>,
    /// Storage of session keys; `None` if the app does not store them.
    pub session_keys: Option<SessionKeys>,
    /// Reader of message pushes; `None` without message push.
    pub pushes: Option<Arc<dyn PushReader>>,
}

/// Error: the app is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the app is disabled")]
pub struct AppDisabled;

impl App {
    /// Fails if the app is disabled.
    pub fn ensure_enabled(&self) -> Result<(), AppDisabled> {
        if self.disabled {
            return Err(AppDisabled);
        }
        Ok(())
    }

    /// Returns the subject of an openid in this app.
    #[must_use]
    pub fn subject_of(&self, open_id: &str) -> Subject {
        let namespace = self.namespace.clone();
        Subject { namespace, kind: SubjectKind::OpenId, value: open_id.to_owned() }
    }

    /// Returns the openid subject of this app among `subjects`.
    #[must_use]
    pub fn subject_in<'a>(&self, subjects: &'a [Subject]) -> Option<&'a Subject> {
        let mut subjects = subjects.iter();
        subjects.find(|one| one.kind == SubjectKind::OpenId && one.namespace == self.namespace)
    }

    /// Returns `true` if the text is the app's name or id.
    pub(crate) fn matches(&self, name_or_id: &str) -> bool {
        [self.name.as_str(), self.app_id.as_str()].contains(&name_or_id)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({} {})", self.name.as_str(), self.app_id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::provider::{MockIdentityProvider, MockPhoneProvider};

    fn app(app_id: &str) -> App {
        App {
            name: AppName::parse("main").unwrap(),
            app_id: AppId::parse(app_id).unwrap(),
            namespace: format!("test:{app_id}"),
            policy: AppPolicy::default(),
            disabled: false,
            identity: Arc::new(MockIdentityProvider::new()),
            phone: Arc::new(MockPhoneProvider::new()),
            session_keys: None,
            pushes: None,
        }
    }

    #[test]
    fn subject_in_app_is_the_openid_of_that_app() {
        let main = app("wx01");
        let shop = app("wx02");
        let alias = Subject { kind: SubjectKind::UnionId, ..main.subject_of("u") };
        let subjects = [shop.subject_of("o2"), alias, main.subject_of("o1")];
        assert_eq!(main.subject_in(&subjects), Some(&main.subject_of("o1")));
        assert_eq!(main.subject_in(&subjects[..2]), None);
    }
}
