//! Registry of the apps (mini programs) that users log in to.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::model::identity::ProviderIdentity;
use crate::model::secret::LoginCode;
use crate::ports::app::{App, AppDisabled};
use crate::ports::provider::ProviderError;

/// Configured apps, in the order of the configuration, followed by the registered ones.
#[derive(Debug)]
pub struct AppRegistry {
    configured: Vec<Arc<App>>,
    /// Locked only to read or replace it, never while an app is used.
    snapshot: RwLock<Snapshot>,
}

#[derive(Debug)]
struct Snapshot {
    first: Option<Arc<App>>,
    by_name_or_id: HashMap<String, Arc<App>>,
}

/// Reason why a login code was not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum CodeExchangeError {
    /// The app does not exist.
    #[error("no app of that name or id is served here")]
    UnknownApp,
    /// The app is disabled.
    #[error(transparent)]
    AppDisabled(#[from] AppDisabled),
    /// The provider did not redeem the code.
    #[error("the login code was not redeemed")]
    Provider(#[from] ProviderError),
}

impl AppRegistry {
    /// Creates a registry of the configured apps. The first one is the default of clients that name none.
    #[must_use]
    pub fn new(configured: Vec<App>) -> Self {
        let configured: Vec<_> = configured.into_iter().map(Arc::new).collect();
        let snapshot = RwLock::new(Snapshot::new(&configured, &[]));
        Self { configured, snapshot }
    }

    /// Returns the configured apps.
    #[must_use]
    pub fn configured(&self) -> &[Arc<App>] {
        &self.configured
    }

    /// Checks if a configured app has this name or app id.
    #[must_use]
    pub fn is_configured(&self, name_or_id: &str) -> bool {
        self.configured.iter().any(|app| app.matches(name_or_id))
    }

    /// Replaces all registered apps. Names and app ids of configured apps take precedence.
    pub fn replace_registered(&self, registered: &[Arc<App>]) {
        let snapshot = Snapshot::new(&self.configured, registered);
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// Returns the app with this name or app id; `None` selects the first app.
    ///
    /// A client can name any app: the provider rejects a login code of another one.
    #[must_use]
    pub fn select(&self, name_or_id: Option<&str>) -> Option<Arc<App>> {
        let snapshot = self.snapshot.read().unwrap_or_else(PoisonError::into_inner);
        match name_or_id {
            None => snapshot.first.clone(),
            Some(name_or_id) => snapshot.by_name_or_id.get(name_or_id).cloned(),
        }
    }

    /// Selects an app like [`Self::select`], and fails if it does not exist or is disabled.
    pub(crate) fn find_enabled(
        &self,
        name_or_id: Option<&str>,
    ) -> Result<Arc<App>, CodeExchangeError> {
        let app = self.select(name_or_id).ok_or(CodeExchangeError::UnknownApp)?;
        app.ensure_enabled()?;
        Ok(app)
    }

    /// Redeems a login code at the provider of the app.
    pub(crate) async fn redeem_login_code(
        &self,
        name_or_id: Option<&str>,
        code: &LoginCode,
    ) -> Result<(Arc<App>, ProviderIdentity), CodeExchangeError> {
        let app = self.find_enabled(name_or_id)?;
        let identity = app.identity.redeem_login_code(code).await?;
        Ok((app, identity))
    }
}

impl Snapshot {
    fn new(configured: &[Arc<App>], registered: &[Arc<App>]) -> Self {
        let mut by_name_or_id = HashMap::new();
        for app in configured.iter().chain(registered) {
            for key in [app.name.as_str(), app.app_id.as_str()] {
                // The first app with the key gets it, so configured apps take precedence.
                by_name_or_id.entry(key.to_owned()).or_insert_with(|| Arc::clone(app));
            }
        }
        Self { first: configured.iter().chain(registered).next().cloned(), by_name_or_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::app::name::AppId;
    use crate::model::app::name::AppName;
    use crate::model::app::policy::AppPolicy;
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
    fn app_lookup_by_name_id_or_default() {
        let apps = AppRegistry::new(vec![app("main", "wx01"), app("shop", "wx02")]);
        assert_eq!(selected(&apps, None), "main");
        assert_eq!(selected(&apps, Some("shop")), "shop");
        assert_eq!(selected(&apps, Some("wx02")), "shop");
        assert_eq!(selected(&apps, Some("wx03")), "none");
        assert_eq!(selected(&apps, Some("")), "none");
    }

    #[test]
    fn registered_apps_never_shadow_configured_apps() {
        let apps = AppRegistry::new(vec![app("main", "wx01")]);
        let impostors = [app("main", "wx02"), app("shop", "wx01"), app("wx01", "wx03")];
        apps.replace_registered(&impostors.map(Arc::new));
        assert_eq!(selected(&apps, None), "main");
        let main = apps.select(Some("main")).unwrap();
        assert_eq!(main.app_id.as_str(), "wx01");
        assert_eq!(selected(&apps, Some("wx01")), "main");
        assert_eq!(selected(&apps, Some("shop")), "shop");
        apps.replace_registered(&[]);
        assert_eq!(selected(&apps, Some("shop")), "none");
        assert_eq!(selected(&apps, Some("wx01")), "main");
        assert!(apps.is_configured("main") && apps.is_configured("wx01"));
        assert!(!apps.is_configured("shop"));
    }

    #[tokio::test]
    async fn disabled_app_redeems_no_login_code() {
        let shop = App { disabled: true, ..app("shop", "wx02") };
        let apps = AppRegistry::new(vec![app("main", "wx01"), shop]);
        // The provider mock expects nothing: a call would fail the test.
        let refused =
            apps.redeem_login_code(Some("wx02"), &LoginCode::parse("code").unwrap()).await;
        assert!(matches!(refused, Err(CodeExchangeError::AppDisabled(_))), "{refused:?}");
    }

    fn selected(apps: &AppRegistry, name_or_id: Option<&str>) -> String {
        apps.select(name_or_id).map_or("none".to_owned(), |app| app.name.as_str().to_owned())
    }
}
