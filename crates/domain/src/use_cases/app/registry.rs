//! The apps (mini programs) whose users may log in.

use crate::ports::app::App;
use crate::ports::app::AppDisabled;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::identity::ProviderIdentity;
use crate::model::secret::LoginCode;
use crate::ports::provider::ProviderError;

/// All apps of this service: those of the configuration in its order, and then those that were added
/// since.
#[derive(Debug)]
pub struct AppRegistry {
    configured: Vec<Arc<App>>,
    /// Locked only to take one out or to put others in, never while one is used.
    served: RwLock<Snapshot>,
}

#[derive(Debug)]
struct Snapshot {
    first: Option<Arc<App>>,
    /// By name and by app id.
    known: HashMap<String, Arc<App>>,
}

/// A login code did not lead to a user.
#[derive(Debug, thiserror::Error)]
pub enum CodeExchangeError {
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

impl AppRegistry {
    /// The apps of the configuration; the first is meant where a client names none.
    #[must_use]
    pub fn new(configured: Vec<App>) -> Self {
        let configured: Vec<_> = configured.into_iter().map(Arc::new).collect();
        let served = RwLock::new(Snapshot::new(&configured, &[]));
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
        self.configured.iter().any(|app| app.matches(named))
    }

    /// Serves these beside those of the configuration from now on, in place of all that were added
    /// before. What the configuration has, none of them can have.
    pub fn replace_registered(&self, registered: &[Arc<App>]) {
        let served = Snapshot::new(&self.configured, registered);
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
    pub(crate) fn find_enabled(&self, named: Option<&str>) -> Result<Arc<App>, CodeExchangeError> {
        let app = self.select(named).ok_or(CodeExchangeError::UnknownApp)?;
        app.ensure_enabled()?;
        Ok(app)
    }

    /// Redeems a login code at the provider of the app the client means.
    pub(crate) async fn redeem_login_code(
        &self,
        named: Option<&str>,
        code: &LoginCode,
    ) -> Result<(Arc<App>, ProviderIdentity), CodeExchangeError> {
        let app = self.find_enabled(named)?;
        let verified = app.identity.redeem_login_code(code).await?;
        Ok((app, verified))
    }
}

impl Snapshot {
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
    use crate::model::app::name::AppId;
    use crate::model::app::name::AppName;
    use crate::model::app::name::MalformedAppId;
    use crate::model::app::name::MalformedAppName;
    use crate::model::app::policy::AppPolicy;
    use crate::model::identity::Subject;
    use crate::model::identity::SubjectKind;
    use crate::ports::provider::{MockIdentityProvider, MockPhoneProvider};

    fn app(name: &str, app_id: &str) -> App {
        App {
            name: AppName::parse(name).unwrap(),
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
    fn an_app_is_meant_by_name_by_id_or_by_silence() {
        let apps = AppRegistry::new(vec![app("main", "wx01"), app("shop", "wx02")]);
        assert_eq!(selected(&apps, None), "main");
        assert_eq!(selected(&apps, Some("shop")), "shop");
        assert_eq!(selected(&apps, Some("wx02")), "shop");
        assert_eq!(selected(&apps, Some("wx03")), "nobody");
        assert_eq!(selected(&apps, Some("")), "nobody");
    }

    #[test]
    fn apps_come_and_go_and_none_takes_the_place_of_one_that_is_configured() {
        let apps = AppRegistry::new(vec![app("main", "wx01")]);
        let impostors = [app("main", "wx02"), app("shop", "wx01"), app("wx01", "wx03")];
        apps.replace_registered(&impostors.map(Arc::new));
        assert_eq!(selected(&apps, None), "main");
        let meant = apps.select(Some("main")).unwrap();
        assert_eq!(meant.app_id.as_str(), "wx01");
        assert_eq!(selected(&apps, Some("wx01")), "main");
        assert_eq!(selected(&apps, Some("shop")), "shop");
        apps.replace_registered(&[]);
        assert_eq!(selected(&apps, Some("shop")), "nobody");
        assert_eq!(selected(&apps, Some("wx01")), "main");
        assert!(apps.is_configured("main") && apps.is_configured("wx01"));
        assert!(!apps.is_configured("shop"));
    }

    #[tokio::test]
    async fn nobody_logs_in_to_a_disabled_app() {
        let shop = App { disabled: true, ..app("shop", "wx02") };
        let apps = AppRegistry::new(vec![app("main", "wx01"), shop]);
        // Nothing is expected of its provider: a call would fail the test.
        let refused =
            apps.redeem_login_code(Some("wx02"), &LoginCode::parse("code").unwrap()).await;
        assert!(matches!(refused, Err(CodeExchangeError::AppDisabled(_))), "{refused:?}");
    }

    fn selected(apps: &AppRegistry, named: Option<&str>) -> String {
        apps.select(named).map_or("nobody".to_owned(), |app| app.name.as_str().to_owned())
    }

    #[test]
    fn a_user_is_known_by_the_open_id_of_this_very_app() {
        let main = app("main", "wx01");
        let shop = app("shop", "wx02");
        let alias = Subject { kind: SubjectKind::UnionId, ..main.subject_of("u") };
        let subjects = [shop.subject_of("o2"), alias, main.subject_of("o1")];
        assert_eq!(main.subject_in(&subjects), Some(&main.subject_of("o1")));
        assert_eq!(main.subject_in(&subjects[..2]), None);
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
