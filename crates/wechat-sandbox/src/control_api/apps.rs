//! Apps that are added or changed while the sandbox runs.

use std::sync::Arc;

use serde::Deserialize;

use crate::config::AppConfig;
use crate::error::ControlError;
use crate::patch::Patch;
use crate::state::State;
use crate::state::app::App;

/// Change of an app. Absent fields keep their values.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppChange {
    /// App id [default: the first app].
    pub appid: Option<String>,
    /// New secret; the old one becomes invalid at once.
    pub secret: Option<String>,
    /// Open Platform account that the app is bound to. With a late binding, users who had no union
    /// id get one.
    pub open_platform: Patch<String>,
    /// Token that signs message pushes.
    pub push_token: Patch<String>,
    /// `EncodingAESKey` of message pushes.
    pub encoding_aes_key: Patch<String>,
}

impl State {
    /// Adds an app.
    pub(crate) fn add_app(&mut self, config: AppConfig) -> Result<AppConfig, ControlError> {
        config.check()?;
        let app_id: Arc<str> = config.app_id.as_str().into();
        if self.apps.contains_key(&app_id) {
            return Err(ControlError::new(format!("the app `{app_id}` exists already")));
        }
        self.apps.insert(app_id, App::new(config.clone()));
        Ok(config)
    }

    /// Changes an app.
    pub(crate) fn change_app(&mut self, change: AppChange) -> Result<AppConfig, ControlError> {
        let app_id = self.app_id(change.appid.as_deref())?;
        let Some(app) = self.apps.get_mut(&app_id) else {
            return Err(ControlError::new(format!("no such app `{app_id}`")));
        };
        let current = app.config.clone();
        let changed = AppConfig {
            app_id: current.app_id,
            secret: change.secret.unwrap_or(current.secret),
            open_platform: change.open_platform.apply_to(current.open_platform),
            push_token: change.push_token.apply_to(current.push_token),
            encoding_aes_key: change.encoding_aes_key.apply_to(current.encoding_aes_key),
        };
        changed.check()?;
        app.config = changed.clone();
        Ok(changed)
    }

    /// Lists all apps by app id.
    pub(crate) fn list_apps(&self) -> Vec<AppConfig> {
        let mut apps: Vec<_> = self.apps.values().map(|app| app.config.clone()).collect();
        apps.sort_by(|a, b| a.app_id.cmp(&b.app_id));
        apps
    }
}
