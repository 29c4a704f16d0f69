//! Reload of the registered apps.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::model::app::registered::RegisteredApp;
use crate::ports::app::{App, AppFactory};
use crate::ports::store::apps::AppReader;
use crate::ports::store::error::StoreError;
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::ports::Ports;

/// Keeps the registry equal to the registered apps in the store.
pub struct ReloadApps {
    /// Registry to update.
    pub apps: Arc<AppRegistry>,
    /// Registered apps.
    pub registered_apps: Arc<dyn AppReader>,
    /// Factory of registered apps.
    pub factory: Arc<dyn AppFactory>,
    /// Apps as of the last run.
    pub cache: AppCache,
}

/// Registered apps and what was built from them, in their order.
///
/// An app that has not changed is kept with the state of its provider, such as access tokens.
#[derive(Debug, Default)]
pub struct AppCache(Mutex<Vec<CachedApp>>);

#[derive(Clone, Debug)]
struct CachedApp {
    registered: RegisteredApp,
    /// `None` if the app could not be built.
    app: Option<Arc<App>>,
}

impl ReloadApps {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            apps: ports.apps.clone(),
            registered_apps: ports.readers.apps.clone(),
            factory: ports.app_factory.clone(),
            cache: AppCache::default(),
        }
    }

    /// Replaces the registered apps in the registry if they have changed.
    ///
    /// Each instance runs it every second, so that it loads the changes of the others. Without changes it
    /// costs one read.
    pub async fn run(&self) -> Result<(), StoreError> {
        // Locked before the read: otherwise an older read could replace a newer one.
        let mut cached = self.cache.0.lock().await;
        let registered = self.registered_apps.registered_apps().await?;
        if registered.iter().eq(cached.iter().map(|one| &one.registered)) {
            return Ok(());
        }
        let next: Vec<_> =
            registered.into_iter().map(|app| self.cached_or_built(&cached, app)).collect();
        let active: Vec<_> = next.iter().filter_map(|one| one.app.clone()).collect();
        self.apps.replace_registered(&active);
        let names: Vec<_> = active.iter().map(|app| app.name.as_str()).collect();
        tracing::info!(apps = ?names, "registered apps reloaded");
        *cached = next;
        Ok(())
    }

    fn cached_or_built(&self, cached: &[CachedApp], registered: RegisteredApp) -> CachedApp {
        if let Some(unchanged) = cached.iter().find(|one| one.registered == registered) {
            return unchanged.clone();
        }
        let name = registered.name.as_str();
        let app_id = registered.app_id.as_str();
        if self.apps.is_configured(name) || self.apps.is_configured(app_id) {
            tracing::error!(
                app = name,
                "registered app is not served: a configured app has its name or app id"
            );
            return CachedApp { registered, app: None };
        }
        let built = self.factory.build(&registered).map(Arc::new);
        let app = built.inspect_err(|error| {
            let error: &(dyn std::error::Error + 'static) = error;
            tracing::error!(app = name, error, "registered app is not served: building it failed");
        });
        CachedApp { app: app.ok(), registered }
    }
}
