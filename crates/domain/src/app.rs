//! The apps (mini programs) whose users may log in.

use std::fmt;
use std::sync::Arc;

use crate::conflict::ConflictPolicy;
use crate::identity::{Subject, SubjectKind, Verified};
use crate::ports::provider::{IdentityProvider, PhoneProof, ProviderError};
use crate::secret::LoginCode;
use crate::session_key::SessionKeys;

/// The name an app has in the configuration, in tokens and in logs, e.g. `main`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppName(String);

/// The text cannot name an app.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an app's name is 1 to 32 of the characters a-z, 0-9, - and _")]
pub struct MalformedAppName;

impl AppName {
    /// Takes a name as configured.
    pub fn parse(raw: &str) -> Result<Self, MalformedAppName> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if (1..=32).contains(&raw.len()) && raw.bytes().all(allowed) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(MalformedAppName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One app: how its users are verified, and what is asked of them.
pub struct App {
    /// Its name here.
    pub name: AppName,
    /// The provider's id of it, e.g. `wx5e8d6c0a4b2f1e37`.
    pub app_id: String,
    /// The namespace of the subjects that log in.
    pub namespace: String,
    /// Whether someone unknown becomes a member by logging in.
    pub auto_register: bool,
    /// Whether every member of this app must have a phone number.
    pub phone_required: bool,
    /// What becomes of two members who turn out to be one person.
    pub on_conflict: ConflictPolicy,
    /// Who tells whom a login code belongs to.
    pub identity: Arc<dyn IdentityProvider>,
    /// Who tells which phone number a phone code stands for.
    pub phone: Arc<dyn PhoneProof>,
    /// What it takes to keep the users' session keys, where they are kept at all.
    pub session_keys: Option<SessionKeys>,
}

impl App {
    /// The user of this id within the app.
    #[must_use]
    pub fn user(&self, open_id: &str) -> Subject {
        let namespace = self.namespace.clone();
        Subject { namespace, kind: SubjectKind::OpenId, value: open_id.to_owned() }
    }

    /// Who somebody with these subjects is within the app.
    #[must_use]
    pub fn user_among<'a>(&self, subjects: &'a [Subject]) -> Option<&'a Subject> {
        let mut subjects = subjects.iter();
        subjects.find(|one| one.kind == SubjectKind::OpenId && one.namespace == self.namespace)
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "App({} {})", self.name.as_str(), self.app_id)
    }
}

/// All apps of this service, in the order of configuration.
#[derive(Debug)]
pub struct Apps(Vec<App>);

/// A login code did not lead to a user.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The client named an app that is not served here.
    #[error("no app of that name or id is configured")]
    UnknownApp,
    /// The provider did not accept the code.
    #[error("the login code was not redeemed")]
    Provider(#[from] ProviderError),
}

impl Apps {
    /// The apps to serve; the first is meant where a client names none.
    #[must_use]
    pub fn new(apps: Vec<App>) -> Self {
        Self(apps)
    }

    /// The app a client means by a name or an app id, or the first one when it says nothing.
    ///
    /// This only selects among configured apps: a client that names the wrong one has a code that
    /// the provider refuses.
    #[must_use]
    pub fn select(&self, named: Option<&str>) -> Option<&App> {
        match named {
            None => self.0.first(),
            Some(named) => {
                self.0.iter().find(|app| app.name.as_str() == named || app.app_id == named)
            }
        }
    }

    /// As [`Self::select`], where a client that names no app of ours is mistaken.
    pub(crate) fn named(&self, named: Option<&str>) -> Result<&App, VerifyError> {
        self.select(named).ok_or(VerifyError::UnknownApp)
    }

    /// Redeems a login code at the provider of the app the client means.
    pub(crate) async fn verify(
        &self,
        named: Option<&str>,
        code: &LoginCode,
    ) -> Result<(&App, Verified), VerifyError> {
        let app = self.named(named)?;
        let verified = app.identity.verify(code).await?;
        Ok((app, verified))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::provider::{MockIdentityProvider, MockPhoneProof};

    fn app(name: &str, app_id: &str) -> App {
        App {
            name: AppName::parse(name).unwrap(),
            app_id: app_id.into(),
            namespace: format!("test:{app_id}"),
            auto_register: true,
            phone_required: false,
            on_conflict: ConflictPolicy::Merge,
            identity: Arc::new(MockIdentityProvider::new()),
            phone: Arc::new(MockPhoneProof::new()),
            session_keys: None,
        }
    }

    #[test]
    fn an_app_is_meant_by_name_by_id_or_by_silence() {
        let apps = Apps::new(vec![app("main", "wx01"), app("shop", "wx02")]);
        let selected = |named| apps.select(named).map(|app| app.name.as_str());
        assert_eq!(selected(None), Some("main"));
        assert_eq!(selected(Some("shop")), Some("shop"));
        assert_eq!(selected(Some("wx02")), Some("shop"));
        assert_eq!(selected(Some("wx03")), None);
        assert_eq!(selected(Some("")), None);
    }

    #[test]
    fn a_user_is_known_by_the_open_id_of_this_very_app() {
        let (main, shop) = (app("main", "wx01"), app("shop", "wx02"));
        let alias = Subject { kind: SubjectKind::UnionId, ..main.user("u") };
        let subjects = [shop.user("o2"), alias, main.user("o1")];
        assert_eq!(main.user_among(&subjects), Some(&main.user("o1")));
        assert_eq!(main.user_among(&subjects[..2]), None);
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert!(AppName::parse("mini-program_2").is_ok());
        for bad in ["", "Main", "主", "a b", &"x".repeat(33)] {
            assert_eq!(AppName::parse(bad), Err(MalformedAppName), "{bad:?}");
        }
    }
}
