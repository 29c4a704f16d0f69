//! Routes for managing apps.

use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::AdminPrincipal;
use domain::model::app::name::AppName;
use domain::model::app::policy::{AppPolicy, TokenLifetimes};
use domain::model::app::secret::AppSecret;
use domain::use_cases::admin::app_details::{AppDetails, Registration};
use domain::use_cases::admin::manage_apps::{AppPush, ManageApps, ManageAppsError, NewApp};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::auth::role::{Admin, Viewer, WithRole};
use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::app::{
    ACCESS_TTL, APP_ID, APP_NAME, AUTO_REGISTER, CONFLICT_POLICY, OPEN_PLATFORM, PHONE_REQUIRED,
    PUSH_AES_KEY, PUSH_TOKEN, REFRESH_TTL, SECRET, SESSION_TTL, STORE_SESSION_KEYS,
};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::request::path::Path;
use crate::response::envelope::Envelope;
use crate::rfc3339;
use crate::routes::session::EmptyResponse;

/// Handlers for apps.
#[derive(Clone)]
pub struct AdminAppsApi {
    pub(crate) manage_apps: Arc<ManageApps>,
}

type AppResult<T> = Result<Envelope<T>, ErrorResponse<ManageAppsError>>;

#[craft]
impl AdminAppsApi {
    /// List apps
    ///
    /// The apps of the configuration come first, followed by the registered apps.
    #[craft(endpoint(operation_id = "listApps", tags("administrators")))]
    pub(crate) async fn list(&self, by: WithRole<Viewer>) -> AppResult<AppsData> {
        let apps = self.manage_apps.list(&by.0).await?;
        Ok(Envelope(AppsData { apps: apps.into_iter().map(AppData::from).collect() }))
    }

    /// Get an app
    #[craft(endpoint(operation_id = "getApp", tags("administrators")))]
    pub(crate) async fn get(&self, by: WithRole<Viewer>, app: Path<AppName>) -> AppResult<AppData> {
        Ok(Envelope(self.manage_apps.get(&by.0, &app.0).await?.into()))
    }

    /// Register an app
    ///
    /// Its users can log in immediately on this instance, and within one second on all others.
    #[craft(endpoint(operation_id = "addApp", tags("administrators")))]
    pub(crate) async fn add(
        &self,
        by: WithRole<Admin>,
        body: JsonBody<NewApp>,
    ) -> AppResult<AppData> {
        let manage_apps = self.manage_apps.clone();
        let work = async move { manage_apps.add(&by.0, &body.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Replace an app's sign-in policy
    ///
    /// Absent fields are reset to their defaults.
    #[craft(endpoint(operation_id = "setAppPolicy", tags("administrators")))]
    pub(crate) async fn set_policy(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
        body: JsonBody<AppPolicy>,
    ) -> AppResult<AppData> {
        let manage_apps = self.manage_apps.clone();
        let work = async move { manage_apps.set_policy(&by.0, &app.0, &body.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Configure message push
    ///
    /// Enables `/wechat/push/{app}`, with the token and the key that verify WeChat's messages.
    #[craft(endpoint(operation_id = "setAppPush", tags("administrators")))]
    pub(crate) async fn set_push(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
        body: JsonBody<AppPush>,
    ) -> AppResult<AppData> {
        let manage_apps = self.manage_apps.clone();
        let work = async move { manage_apps.set_push(&by.0, &app.0, Some(&body.0)).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Disable message push
    #[craft(endpoint(operation_id = "removeAppPush", tags("administrators")))]
    pub(crate) async fn remove_push(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> AppResult<AppData> {
        let manage_apps = self.manage_apps.clone();
        let work = async move { manage_apps.set_push(&by.0, &app.0, None).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Start the rotation of an app's secret
    ///
    /// The server uses the new secret, and the previous one if WeChat rejects it. Logins therefore succeed
    /// before and after the change in WeChat's console.
    #[craft(endpoint(operation_id = "rotateAppSecret", tags("administrators")))]
    pub(crate) async fn rotate_secret(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
        body: JsonBody<SecretRequest>,
    ) -> AppResult<AppData> {
        let manage_apps = self.manage_apps.clone();
        let work = async move { manage_apps.rotate_secret(&by.0, &app.0, &body.0.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Cancel the rotation of an app's secret
    ///
    /// Deletes the new secret and restores the previous one.
    #[craft(endpoint(operation_id = "cancelAppSecretRotation", tags("administrators")))]
    pub(crate) async fn cancel_rotation(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> AppResult<AppData> {
        let manage_apps = self.manage_apps.clone();
        let work = async move { manage_apps.cancel_rotation(&by.0, &app.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Finish the rotation of an app's secret
    ///
    /// Deletes the previous secret. Call it after WeChat accepts the new one.
    #[craft(endpoint(operation_id = "finishAppSecretRotation", tags("administrators")))]
    pub(crate) async fn finish_rotation(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> AppResult<AppData> {
        let manage_apps = self.manage_apps.clone();
        let work = async move { manage_apps.finish_rotation(&by.0, &app.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Disable an app
    ///
    /// Rejects logins and token refreshes. Access tokens stay valid until they expire. It is effective
    /// immediately on this instance, and within one second on all others.
    #[craft(endpoint(operation_id = "disableApp", tags("administrators")))]
    pub(crate) async fn disable(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> AppResult<AppData> {
        self.set_disabled(by.0, app.0, true).await
    }

    /// Enable an app
    #[craft(endpoint(operation_id = "enableApp", tags("administrators")))]
    pub(crate) async fn enable(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> AppResult<AppData> {
        self.set_disabled(by.0, app.0, false).await
    }

    /// Remove an app
    ///
    /// The app must be disabled and have no members.
    #[craft(endpoint(operation_id = "removeApp", tags("administrators")))]
    pub(crate) async fn remove(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> AppResult<EmptyResponse> {
        let manage_apps = self.manage_apps.clone();
        run_detached(async move { manage_apps.remove(&by.0, &app.0).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }
}

impl AdminAppsApi {
    async fn set_disabled(
        &self,
        by: AdminPrincipal,
        app: AppName,
        disabled: bool,
    ) -> AppResult<AppData> {
        let manage_apps = self.manage_apps.clone();
        let work = async move { manage_apps.set_disabled(&by, &app, disabled).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }
}

impl FromForm for NewApp {
    const NAME: &'static str = "NewApp";
    const DESCRIPTION: &'static str = "App to register.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let name = form.required(&APP_NAME);
        let app_id = form.required(&APP_ID);
        let secret = form.required(&SECRET);
        let policy = AppPolicy::from_form(form);
        Some(Self { name: name?, app_id: app_id?, secret: secret?, policy: policy? })
    }
}

impl FromForm for AppPolicy {
    const NAME: &'static str = "AppPolicy";
    const DESCRIPTION: &'static str = "Sign-in policy and token lifetimes of an app; fields that are absent or null have their defaults.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let default = Self::default();
        Some(Self {
            open_platform: form.optional(&OPEN_PLATFORM),
            auto_register: form.optional(&AUTO_REGISTER).unwrap_or(default.auto_register),
            phone_required: form.optional(&PHONE_REQUIRED).unwrap_or(default.phone_required),
            on_conflict: form.optional(&CONFLICT_POLICY).unwrap_or(default.on_conflict),
            store_session_keys: form
                .optional(&STORE_SESSION_KEYS)
                .unwrap_or(default.store_session_keys),
            lifetimes: TokenLifetimes {
                access: form.optional(&ACCESS_TTL),
                idle: form.optional(&REFRESH_TTL),
                absolute: form.optional(&SESSION_TTL),
            },
        })
    }
}

impl FromForm for AppPush {
    const NAME: &'static str = "AppPush";
    const DESCRIPTION: &'static str = "Token and key that verify WeChat's message push.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let token = form.required(&PUSH_TOKEN);
        let key = form.optional(&PUSH_AES_KEY);
        Some(Self { token: token?, key })
    }
}

/// New secret of an app.
pub(crate) struct SecretRequest(AppSecret);

impl FromForm for SecretRequest {
    const NAME: &'static str = "SecretRequest";
    const DESCRIPTION: &'static str = "New secret of the app.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        form.required(&SECRET).map(Self)
    }
}

/// List of all apps.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "AppsData"))]
pub(crate) struct AppsData {
    /// Apps, those of the configuration first. The first one is the default app of clients.
    apps: Vec<AppData>,
}

/// App, without its secrets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AppData"))]
pub(crate) struct AppData {
    /// Name of the app.
    #[salvo(schema(example = "shop"))]
    name: String,
    /// App id at WeChat.
    #[salvo(schema(example = "wx9b1f4c7d2e8a6035"))]
    app_id: String,
    /// Sign-in policy.
    policy: AppPolicyData,
    /// True if message push is enabled.
    takes_pushes: bool,
    /// State of a registered app; null for an app of the configuration.
    #[salvo(schema(required = true))]
    registration: Option<RegistrationData>,
}

/// Sign-in policy and token lifetimes of an app.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AppPolicyData"))]
pub(crate) struct AppPolicyData {
    /// Group of apps with comparable union ids; null if there is none.
    #[salvo(schema(required = true, example = "main"))]
    open_platform: Option<String>,
    /// True if unknown users become members by logging in.
    auto_register: bool,
    /// True if members must have a phone number.
    phone_required: bool,
    /// Policy if two members are the same user.
    #[salvo(schema(example = "merge"))]
    on_conflict: &'static str,
    /// True if WeChat's session keys are stored.
    store_session_keys: bool,
    /// Lifetime of access tokens in seconds; null for the default.
    #[salvo(schema(required = true, example = 3600))]
    access_ttl: Option<u64>,
    /// Seconds after which a session ends if it is not refreshed; null for the default.
    #[salvo(schema(required = true, example = 604_800))]
    refresh_ttl: Option<u64>,
    /// Maximum lifetime of sessions in seconds; null for the default.
    #[salvo(schema(required = true, example = 2_592_000))]
    session_ttl: Option<u64>,
}

/// State of a registered app.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AppRegistrationData"))]
pub(crate) struct RegistrationData {
    /// Time at which the app was disabled, UTC; null if it is enabled.
    #[salvo(schema(required = true, format = "date-time", example = "2026-11-20T10:00:00Z"))]
    disabled_at: Option<String>,
    /// Time at which the secret was set, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    secret_changed_at: String,
    /// True if a rotation is in progress: the previous secret is used if WeChat rejects the current one.
    former_secret_kept: bool,
    /// Time of the registration, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    created_at: String,
}

impl From<AppDetails> for AppData {
    fn from(app: AppDetails) -> Self {
        Self {
            name: app.name.as_str().to_owned(),
            app_id: app.app_id.as_str().to_owned(),
            policy: app.policy.into(),
            takes_pushes: app.accepts_pushes,
            registration: app.registration.map(RegistrationData::from),
        }
    }
}

impl From<AppPolicy> for AppPolicyData {
    fn from(policy: AppPolicy) -> Self {
        let seconds = |lifetime: Option<Duration>| lifetime.map(|it| it.as_secs());
        Self {
            open_platform: policy.open_platform,
            auto_register: policy.auto_register,
            phone_required: policy.phone_required,
            on_conflict: policy.on_conflict.name(),
            store_session_keys: policy.store_session_keys,
            access_ttl: seconds(policy.lifetimes.access),
            refresh_ttl: seconds(policy.lifetimes.idle),
            session_ttl: seconds(policy.lifetimes.absolute),
        }
    }
}

impl From<Registration> for RegistrationData {
    fn from(registration: Registration) -> Self {
        Self {
            disabled_at: registration.disabled_at.map(rfc3339::seconds),
            secret_changed_at: rfc3339::seconds(registration.secret_changed_at),
            former_secret_kept: registration.former_secret_kept,
            created_at: rfc3339::seconds(registration.created_at),
        }
    }
}
