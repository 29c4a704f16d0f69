//! Registered apps that work without a provider's wire: their secrets are sealed by being named.

use std::sync::{Arc, Mutex};

use domain::model::app::name::{AppId, AppName};
use domain::model::app::registered::RegisteredApp;
use domain::model::app::secret::AppSecretKind;
use domain::ports::app::App;
use domain::ports::app::{AppFactory, AppSecretSeal, BuildAppError};

use crate::fake::provider::MemoryProvider;

/// Writes a secret down beside its app and kind, back to front.
#[derive(Debug, Default)]
pub struct MemoryAppSeal;

impl AppSecretSeal for MemoryAppSeal {
    fn seal(&self, app: &AppName, kind: AppSecretKind, secret: &str) -> Vec<u8> {
        let backwards: String = secret.chars().rev().collect();
        format!("{} {kind:?} {backwards}", app.as_str()).into_bytes()
    }
}

/// Makes apps whose users one provider knows, and remembers which it made.
#[derive(Debug, Default)]
pub struct MemoryAppFactory {
    provider: Arc<MemoryProvider>,
    built: Mutex<Vec<RegisteredApp>>,
}

impl MemoryAppFactory {
    /// Makes apps whose users this provider knows.
    #[must_use]
    pub fn new(provider: Arc<MemoryProvider>) -> Self {
        Self { provider, built: Mutex::default() }
    }

    /// What was made so far, in its order.
    #[must_use]
    pub fn built(&self) -> Vec<RegisteredApp> {
        self.built.lock().unwrap().clone()
    }
}

impl AppFactory for MemoryAppFactory {
    /// An app whose secret is no sealed one of its own does not open.
    fn build(&self, app: &RegisteredApp) -> Result<App, BuildAppError> {
        let own = format!("{} Secret ", app.name.as_str());
        if !app.secret.current.starts_with(own.as_bytes()) {
            return Err(BuildAppError::Sealed("it was never sealed for this app".into()));
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
