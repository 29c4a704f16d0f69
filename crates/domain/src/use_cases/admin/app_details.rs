//! Description of an app for administrators.

use crate::model::app::name::{AppId, AppName};
use crate::model::app::policy::AppPolicy;
use crate::model::app::registered::RegisteredApp;
use crate::model::timestamp::Timestamp;
use crate::ports::app::App;

/// App without its secrets, for administrators.
#[derive(Debug, PartialEq, Eq)]
pub struct AppDetails {
    /// Name.
    pub name: AppName,
    /// Id at the provider.
    pub app_id: AppId,
    /// Sign-in policy.
    pub policy: AppPolicy,
    /// Set if the app accepts message pushes.
    pub accepts_pushes: bool,
    /// Registration; `None` for a configured app.
    pub registration: Option<Registration>,
}

/// Properties of a registered app.
#[derive(Debug, PartialEq, Eq)]
pub struct Registration {
    /// Time at which the app was disabled.
    pub disabled_at: Option<Timestamp>,
    /// Time of the last change of the secret.
    pub secret_changed_at: Timestamp,
    /// Set while a rotation of the secret is in progress and the former one is still tried.
    pub former_secret_kept: bool,
    /// Time of the registration.
    pub created_at: Timestamp,
}

impl AppDetails {
    /// Describes a configured app.
    #[must_use]
    pub fn configured(app: &App) -> Self {
        Self {
            name: app.name.clone(),
            app_id: app.app_id.clone(),
            policy: app.policy.clone(),
            accepts_pushes: app.pushes.is_some(),
            registration: None,
        }
    }
}

impl From<RegisteredApp> for AppDetails {
    fn from(app: RegisteredApp) -> Self {
        Self {
            registration: Some(Registration {
                disabled_at: app.disabled_at,
                secret_changed_at: app.secret.changed_at,
                former_secret_kept: app.secret.former.is_some(),
                created_at: app.created_at,
            }),
            name: app.name,
            app_id: app.app_id,
            policy: app.policy,
            accepts_pushes: app.push.is_some(),
        }
    }
}
