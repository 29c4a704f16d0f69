//! The apps (mini programs) whose users may log in.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::app_policy::AppPolicy;
use crate::identity::{Subject, SubjectKind, Verified};
use crate::ports::provider::{IdentityProvider, PhoneProof, ProviderError};
use crate::ports::pushes::PushReader;
use crate::secret::LoginCode;
use crate::session_key::SessionKeys;

/// The longest app id, in bytes. WeChat's have 18: `wx` and 16 hexadecimal digits.
pub const APP_ID_MAX: usize = 64;

/// The name an app has here: in the configuration, in tokens and in logs, e.g. `main`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppName(String);

/// The text cannot name an app.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an app's name is 1 to 32 of the characters a-z, 0-9, - and _")]
pub struct MalformedAppName;

impl AppName {
    /// Takes a name as it stands.
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

/// The id an app has at its provider, e.g. `wx5e8d6c0a4b2f1e37`. Compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppId(String);

/// The text cannot be a provider's id of an app.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an app id is 1 to {APP_ID_MAX} letters, digits, - and _, as in the provider's console")]
pub struct MalformedAppId;

impl AppId {
    /// Takes an id as the provider's console shows it. No more is asked of it: what the ids of WeChat
    /// look like is custom, not promised.
    pub fn parse(raw: &str) -> Result<Self, MalformedAppId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=APP_ID_MAX).contains(&raw.len()) && raw.bytes().all(allowed) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(MalformedAppId)
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
    pub phone: Arc<dyn PhoneProof>,
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
        write!(f, "App({} {})", self.name.as_str(), self.app_id.as_str())
    }
}

/// All apps of this service: those of the configuration in its order, and then those that were added
/// since.
#[derive(Debug)]
pub struct Apps {
    configured: Vec<Arc<App>>,
    /// Locked only to take one out or to put others in, never while one is used.
    served: RwLock<Served>,
}

#[derive(Debug)]
struct Served {
    first: Option<Arc<App>>,
    /// By name and by app id.
    known: HashMap<String, Arc<App>>,
}

/// A login code did not lead to a user.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The client named an app that is not served here.
    #[error("no app of that name or id is served here")]
    UnknownApp,
    /// Nobody may log in to the app.
    #[error(transparent)]
    AppDisabled(#[from] AppDisabled),
    /// The provider did not accept the code.
    #[error("the login code was not redeemed")]
    Provider(#[from] ProviderError),
}

impl Apps {
    /// The apps of the configuration; the first is meant where a client names none.
    #[must_use]
    pub fn new(configured: Vec<App>) -> Self {
        let configured: Vec<_> = configured.into_iter().map(Arc::new).collect();
        let served = RwLock::new(Served::new(&configured, &[]));
        Self { configured, served }
    }

    /// The apps of the configuration alone.
    #[must_use]
    pub fn configured(&self) -> &[Arc<App>] {
        &self.configured
    }

    /// Whether one of the configuration has this for a name or an app id.
    #[must_use]
    pub fn is_configured(&self, named: &str) -> bool {
        self.configured.iter().any(|app| app.is_called(named))
    }

    /// Serves these beside those of the configuration from now on, in place of all that were added
    /// before. What the configuration has, none of them can have.
    pub fn serve(&self, registered: &[Arc<App>]) {
        let served = Served::new(&self.configured, registered);
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
    }

    /// The app a client means by a name or an app id, or the first one when it says nothing.
    ///
    /// This only selects among the apps served: a client that names the wrong one has a code that
    /// the provider refuses.
    #[must_use]
    pub fn select(&self, named: Option<&str>) -> Option<Arc<App>> {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        match named {
            None => served.first.clone(),
            Some(named) => served.known.get(named).cloned(),
        }
    }

    /// As [`Self::select`], where a client that names no app of ours, or one that is disabled, is
    /// mistaken.
    pub(crate) fn named(&self, named: Option<&str>) -> Result<Arc<App>, VerifyError> {
        let app = self.select(named).ok_or(VerifyError::UnknownApp)?;
        app.ensure_enabled()?;
        Ok(app)
    }

    /// Redeems a login code at the provider of the app the client means.
    pub(crate) async fn verify(
        &self,
        named: Option<&str>,
        code: &LoginCode,
    ) -> Result<(Arc<App>, Verified), VerifyError> {
        let app = self.named(named)?;
        let verified = app.identity.verify(code).await?;
        Ok((app, verified))
    }
}

impl App {
    fn is_called(&self, named: &str) -> bool {
        [self.name.as_str(), self.app_id.as_str()].contains(&named)
    }
}

impl Served {
    fn new(configured: &[Arc<App>], registered: &[Arc<App>]) -> Self {
        let mut known = HashMap::new();
        for app in configured.iter().chain(registered) {
            for called in [app.name.as_str(), app.app_id.as_str()] {
                // The earlier one has it, and the configuration comes first.
                known.entry(called.to_owned()).or_insert_with(|| Arc::clone(app));
            }
        }
        Self { first: configured.iter().chain(registered).next().cloned(), known }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::provider::{MockIdentityProvider, MockPhoneProof};

    fn app(name: &str, app_id: &str) -> App {
        App {
            name: AppName::parse(name).unwrap(),
            app_id: AppId::parse(app_id).unwrap(),
            namespace: format!("test:{app_id}"),
            policy: AppPolicy::default(),
            disabled: false,
            identity: Arc::new(MockIdentityProvider::new()),
            phone: Arc::new(MockPhoneProof::new()),
            session_keys: None,
            pushes: None,
        }
    }

    #[test]
    fn an_app_is_meant_by_name_by_id_or_by_silence() {
        let apps = Apps::new(vec![app("main", "wx01"), app("shop", "wx02")]);
        assert_eq!(selected(&apps, None), "main");
        assert_eq!(selected(&apps, Some("shop")), "shop");
        assert_eq!(selected(&apps, Some("wx02")), "shop");
        assert_eq!(selected(&apps, Some("wx03")), "nobody");
        assert_eq!(selected(&apps, Some("")), "nobody");
    }

    #[test]
    fn apps_come_and_go_and_none_takes_the_place_of_one_that_is_configured() {
        let apps = Apps::new(vec![app("main", "wx01")]);
        let impostors = [app("main", "wx02"), app("shop", "wx01"), app("wx01", "wx03")];
        apps.serve(&impostors.map(Arc::new));
        assert_eq!(selected(&apps, None), "main");
        let meant = apps.select(Some("main")).unwrap();
        assert_eq!(meant.app_id.as_str(), "wx01");
        assert_eq!(selected(&apps, Some("wx01")), "main");
        assert_eq!(selected(&apps, Some("shop")), "shop");
        apps.serve(&[]);
        assert_eq!(selected(&apps, Some("shop")), "nobody");
        assert_eq!(selected(&apps, Some("wx01")), "main");
        assert!(apps.is_configured("main") && apps.is_configured("wx01"));
        assert!(!apps.is_configured("shop"));
    }

    #[tokio::test]
    async fn nobody_logs_in_to_a_disabled_app() {
        let shop = App { disabled: true, ..app("shop", "wx02") };
        let apps = Apps::new(vec![app("main", "wx01"), shop]);
        // Nothing is expected of its provider: a call would fail the test.
        let refused = apps.verify(Some("wx02"), &LoginCode::parse("code").unwrap()).await;
        assert!(matches!(refused, Err(VerifyError::AppDisabled(_))), "{refused:?}");
    }

    fn selected(apps: &Apps, named: Option<&str>) -> String {
        apps.select(named).map_or("nobody".to_owned(), |app| app.name.as_str().to_owned())
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
    fn an_app_id_is_short_and_plain() {
        assert!(AppId::parse("wx5e8d6c0a4b2f1e37").is_ok());
        for bad in ["", "wx 1", "wx1\n", "wx&1", "微", &"x".repeat(65)] {
            assert_eq!(AppId::parse(bad), Err(MalformedAppId), "{bad:?}");
        }
    }

    #[test]
    fn a_name_is_short_and_plain() {
        assert!(AppName::parse("mini-program_2").is_ok());
        for bad in ["", "Main", "主", "a b", &"x".repeat(33)] {
            assert_eq!(AppName::parse(bad), Err(MalformedAppName), "{bad:?}");
        }
    }
}
