//! Fake app factory and seal: a sealed secret contains its app and kind in plaintext.

use std::sync::{Arc, Mutex};

use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::AppPolicy;
use domain::model::app::registered::RegisteredApp;
use domain::model::app::secret::AppSecretKind;
use domain::ports::app::App;
use domain::ports::app::{AppFactory, AppSecretSeal, BuildAppError};

use crate::fake::provider::MemoryProvider;

/// Returns an enabled app over the fake provider, with its name as namespace and the default policy.
#[must_use]
pub fn memory_app(name: &str, provider: &Arc<MemoryProvider>) -> App {
    App {
        name: AppName::parse(name).unwrap(),
        app_id: AppId::parse(&format!("wx{name}")).unwrap(),
        namespace: name.to_owned(),
        policy: AppPolicy::default(),
        disabled: false,
        identity: provider.clone(),
        phone: provider.clone(),
        session_keys: None,
        pushes: None,
    }
}

/// Seals a secret as its app, its kind and the reversed text.
#[derive(Debug, Default)]
pub struct MemoryAppSeal;

impl AppSecretSeal for MemoryAppSeal {
    fn seal(&self, app: &AppName, kind: AppSecretKind, secret: &str) -> Vec<u8> {
        let backwards: String = secret.chars().rev().collect();
        format!("{} {kind:?} {backwards}", app.as_str()).into_bytes()
    }
}

/// Builds apps over one fake provider and records them.
#[derive(Debug, Default)]
pub struct MemoryAppFactory {
    provider: Arc<MemoryProvider>,
    built: Mutex<Vec<RegisteredApp>>,
}

impl MemoryAppFactory {
    /// Builds apps over this provider.
    #[must_use]
    pub fn new(provider: Arc<MemoryProvider>) -> Self {
        Self { provider, built: Mutex::default() }
    }

    /// Returns the apps built so far, in order.
    #[must_use]
    pub fn built(&self) -> Vec<RegisteredApp> {
        self.built.lock().unwrap().clone()
    }
}

impl AppFactory for MemoryAppFactory {
    /// Fails if the secret was not sealed for this app.
    fn build(&self, app: &RegisteredApp) -> Result<App, BuildAppError> {
        let prefix = format!("{} Secret ", app.name.as_str());
        if !app.secret.current.starts_with(prefix.as_bytes()) {
            return Err(BuildAppError::Sealed("the secret was not sealed for this app".into()));
        }
        self.built.lock().unwrap().push(app.clone());
        Ok(App {
            name: app.name.clone(),
            app_id: app.app_id.clone(),
            namespace: self.namespace(&app.app_id),
            policy: app.policy.clone(),
            disabled: app.disabled_at.is_some(),
            identity: self.provider.clone(),
            phone: self.provider.clone(),
            session_keys: None,
            pushes: None,
        })
    }

    fn namespace(&self, app_id: &AppId) -> String {
        format!("memory:{}", app_id.as_str())
    }
}
