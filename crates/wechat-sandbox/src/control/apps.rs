//! Apps that come, and change, while the sandbox runs.

use std::sync::Arc;

use serde::Deserialize;

use crate::app::App;
use crate::config::AppConfig;
use crate::control::{Change, Refused};
use crate::state::State;

/// What to change of an app. What is absent stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppChange {
    /// Which app; the first when absent.
    pub appid: Option<String>,
    /// A new secret; the old one is wrong from now on.
    pub secret: Option<String>,
    /// The Open Platform account it is bound to from now on. Binding an app late makes union ids
    /// appear for users who had none.
    pub open_platform: Change<String>,
    /// The token that signs message pushes.
    pub push_token: Change<String>,
    /// The `EncodingAESKey` of message pushes.
    pub encoding_aes_key: Change<String>,
}

impl State {
    /// Adds an app.
    pub(crate) fn add_app(&mut self, config: AppConfig) -> Result<AppConfig, Refused> {
        config.check()?;
        let app_id: Arc<str> = config.app_id.as_str().into();
        if self.apps.contains_key(&app_id) {
            return Err(Refused::new(format!("the app `{app_id}` exists already")));
        }
        self.apps.insert(app_id, App::new(config.clone()));
        Ok(config)
    }

    /// Changes an app.
    pub(crate) fn change_app(&mut self, change: AppChange) -> Result<AppConfig, Refused> {
        let app_id = self.app_id(change.appid.as_deref())?;
        let Some(app) = self.apps.get_mut(&app_id) else {
            return Err(Refused::new(format!("no such app `{app_id}`")));
        };
        let old = app.config.clone();
        let changed = AppConfig {
            app_id: old.app_id,
            secret: change.secret.unwrap_or(old.secret),
            open_platform: change.open_platform.of(old.open_platform),
            push_token: change.push_token.of(old.push_token),
            encoding_aes_key: change.encoding_aes_key.of(old.encoding_aes_key),
        };
        changed.check()?;
        app.config = changed.clone();
        Ok(changed)
    }

    /// Every app, by app id.
    pub(crate) fn list_apps(&self) -> Vec<AppConfig> {
        let mut apps: Vec<_> = self.apps.values().map(|app| app.config.clone()).collect();
        apps.sort_by(|a, b| a.app_id.cmp(&b.app_id));
        apps
    }
}
