//! Serve the apps that administrators have added, as they are now.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::model::app::registered::RegisteredApp;
use crate::ports::app::App;
use crate::ports::app::AppFactory;
use crate::ports::store::apps::AppReader;
use crate::ports::store::error::StoreError;
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::ports::Ports;

/// The use case.
pub struct ReloadApps {
    /// The apps served.
    pub apps: Arc<AppRegistry>,
    /// Registered apps.
    pub registered_apps: Arc<dyn AppReader>,
    /// What makes them work.
    pub factory: Arc<dyn AppFactory>,
    /// Those that are served now.
    pub built: AppCache,
}

/// What was made of which registered app, in their order. One that did not change goes on with all that
/// its provider has learnt meanwhile.
#[derive(Debug, Default)]
pub struct AppCache(Mutex<Vec<CachedApp>>);

#[derive(Clone, Debug)]
struct CachedApp {
    registered: RegisteredApp,
    /// `None` where it cannot be made to work.
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
            built: AppCache::default(),
        }
    }

    /// Serves what is registered, in place of what was before. To be called every second, so that an
    /// instance hears of what another one changed: what it costs is one read.
    pub async fn run(&self) -> Result<(), StoreError> {
        // Held while reading: or what was read first could be served last.
        let mut built = self.built.0.lock().await;
        let registered = self.registered_apps.registered_apps().await?;
        if registered.iter().eq(built.iter().map(|one| &one.registered)) {
            return Ok(());
        }
        let next: Vec<_> = registered.into_iter().map(|app| self.built(&built, app)).collect();
        let serving: Vec<_> = next.iter().filter_map(|one| one.app.clone()).collect();
        self.apps.replace_registered(&serving);
        let names: Vec<_> = serving.iter().map(|app| app.name.as_str()).collect();
        tracing::info!(apps = ?names, "the apps beside those of the configuration have changed");
        *built = next;
        Ok(())
    }

    fn built(&self, before: &[CachedApp], registered: RegisteredApp) -> CachedApp {
        if let Some(same) = before.iter().find(|one| one.registered == registered) {
            return same.clone();
        }
        let name = registered.name.as_str();
        if [name, registered.app_id.as_str()].into_iter().any(|it| self.apps.is_configured(it)) {
            tracing::error!(
                app = name,
                "not served: an app of the configuration has its name or app id"
            );
            return CachedApp { registered, app: None };
        }
        let built = self.factory.build(&registered).map(Arc::new);
        let app = built.inspect_err(|error| {
            let error: &(dyn std::error::Error + 'static) = error;
            tracing::error!(app = name, error, "an app is not served");
        });
        CachedApp { app: app.ok(), registered }
    }
}
