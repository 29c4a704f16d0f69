//! Apps, as administrators see them, and what is changed of those that were added.

use std::sync::Arc;
use std::time::Duration;

use domain::model::admin::AdminPrincipal;
use domain::model::app::name::AppName;
use domain::model::app::policy::{AppPolicy, TokenLifetimes};
use domain::model::app::secret::AppSecret;
use domain::use_cases::admin::manage_apps::{
    AppDetails, AppPush, ManageApps, ManageAppsError, NewApp, Registration,
};
use salvo::craft::craft;
use salvo::oapi::ToSchema;
use salvo::writing::Writer;
use serde::Serialize;

use crate::middleware::detached::run_detached;
use crate::openapi::error_responses::ErrorResponse;
use crate::request::fields::app::{
    ACCESS_TTL, APP_ID, APP_NAME, AUTO_REGISTER, CONFLICT_POLICY, OPEN_PLATFORM, PHONE_REQUIRED,
    PUSH_AES_KEY, PUSH_TOKEN_FIELD, REFRESH_TTL, SECRET, SESSION_TTL, STORE_SESSION_KEYS,
};
use crate::request::form::{Form, FromForm};
use crate::request::json_body::JsonBody;
use crate::request::path::Path;
use crate::response::envelope::Envelope;
use crate::rfc3339;
use crate::routes::admin::{Admin, Viewer, WithRole};
use crate::routes::session::EmptyResponse;

/// Routes about apps.
#[derive(Clone)]
pub struct AdminAppsApi {
    pub(crate) manage: Arc<ManageApps>,
}

type Answer<T> = Result<Envelope<T>, ErrorResponse<ManageAppsError>>;

#[craft]
impl AdminAppsApi {
    /// List the apps
    ///
    /// Those of the configuration first, then those that were added.
    #[craft(endpoint(operation_id = "listApps", tags("administrators")))]
    pub(crate) async fn list(&self, by: WithRole<Viewer>) -> Answer<AppsData> {
        let apps = self.manage.list(&by.0).await?;
        Ok(Envelope(AppsData { apps: apps.into_iter().map(AppData::from).collect() }))
    }

    /// Show an app
    #[craft(endpoint(operation_id = "showApp", tags("administrators")))]
    pub(crate) async fn show(&self, by: WithRole<Viewer>, app: Path<AppName>) -> Answer<AppData> {
        Ok(Envelope(self.manage.get(&by.0, &app.0).await?.into()))
    }

    /// Add an app
    ///
    /// Its users can log in at once on this instance, and within a second on all the others.
    #[craft(endpoint(operation_id = "addApp", tags("administrators")))]
    pub(crate) async fn add(&self, by: WithRole<Admin>, body: JsonBody<NewApp>) -> Answer<AppData> {
        let manage = self.manage.clone();
        let work = async move { manage.add(&by.0, &body.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Change what is asked of those who log in to an app
    ///
    /// The whole of it: what is absent becomes as it is by default.
    #[craft(endpoint(operation_id = "setAppPolicy", tags("administrators")))]
    pub(crate) async fn set_policy(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
        body: JsonBody<AppPolicy>,
    ) -> Answer<AppData> {
        let manage = self.manage.clone();
        let work = async move { manage.set_policy(&by.0, &app.0, &body.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Take an app's pushes
    ///
    /// From now on `/wechat/push/{app}` takes what WeChat sends, believed by this.
    #[craft(endpoint(operation_id = "setAppPush", tags("administrators")))]
    pub(crate) async fn set_push(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
        body: JsonBody<AppPush>,
    ) -> Answer<AppData> {
        let manage = self.manage.clone();
        let work = async move { manage.set_push(&by.0, &app.0, Some(&body.0)).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Take no more of an app's pushes
    #[craft(endpoint(operation_id = "removeAppPush", tags("administrators")))]
    pub(crate) async fn remove_push(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> Answer<AppData> {
        let manage = self.manage.clone();
        let work = async move { manage.set_push(&by.0, &app.0, None).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Begin to change an app's secret
    ///
    /// From now on the new secret is shown to WeChat, and the one before where WeChat does not take it,
    /// so that nobody's login fails whenever WeChat's own change comes.
    #[craft(endpoint(operation_id = "rotateAppSecret", tags("administrators")))]
    pub(crate) async fn rotate(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
        body: JsonBody<SecretRequest>,
    ) -> Answer<AppData> {
        let manage = self.manage.clone();
        let work = async move { manage.rotate_secret(&by.0, &app.0, &body.0.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Take an app's new secret back
    ///
    /// The new one is forgotten, and the one before is the secret again.
    #[craft(endpoint(operation_id = "takeAppSecretBack", tags("administrators")))]
    pub(crate) async fn take_back(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> Answer<AppData> {
        let manage = self.manage.clone();
        let work = async move { manage.cancel_rotation(&by.0, &app.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Forget an app's former secret
    ///
    /// To be done once WeChat takes the new one: from now on the former is shown to nobody.
    #[craft(endpoint(operation_id = "dropFormerAppSecret", tags("administrators")))]
    pub(crate) async fn end_rotation(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> Answer<AppData> {
        let manage = self.manage.clone();
        let work = async move { manage.finish_rotation(&by.0, &app.0).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }

    /// Disable an app
    ///
    /// Nobody logs in, and no session is prolonged; access tokens are good until they expire. At once on
    /// this instance, and within a second on all the others.
    #[craft(endpoint(operation_id = "disableApp", tags("administrators")))]
    pub(crate) async fn disable(&self, by: WithRole<Admin>, app: Path<AppName>) -> Answer<AppData> {
        self.set_disabled(by.0, app.0, true).await
    }

    /// Enable an app again
    #[craft(endpoint(operation_id = "enableApp", tags("administrators")))]
    pub(crate) async fn enable(&self, by: WithRole<Admin>, app: Path<AppName>) -> Answer<AppData> {
        self.set_disabled(by.0, app.0, false).await
    }

    /// Remove an app
    ///
    /// One that is disabled, and by which no member is known. Another one's members come first.
    #[craft(endpoint(operation_id = "removeApp", tags("administrators")))]
    pub(crate) async fn remove(
        &self,
        by: WithRole<Admin>,
        app: Path<AppName>,
    ) -> Answer<EmptyResponse> {
        let manage = self.manage.clone();
        run_detached(async move { manage.remove(&by.0, &app.0).await }).await?;
        Ok(Envelope(EmptyResponse {}))
    }
}

impl AdminAppsApi {
    async fn set_disabled(
        &self,
        by: AdminPrincipal,
        app: AppName,
        disabled: bool,
    ) -> Answer<AppData> {
        let manage = self.manage.clone();
        let work = async move { manage.set_disabled(&by, &app, disabled).await };
        Ok(Envelope(run_detached(work).await?.into()))
    }
}

impl FromForm for NewApp {
    const NAME: &'static str = "NewApp";
    const DESCRIPTION: &'static str = "An app to be added.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (name, app_id) = (form.required(&APP_NAME), form.required(&APP_ID));
        let (secret, policy) = (form.required(&SECRET), AppPolicy::from_form(form));
        Some(Self { name: name?, app_id: app_id?, secret: secret?, policy: policy? })
    }
}

impl FromForm for AppPolicy {
    const NAME: &'static str = "AppPolicy";
    const DESCRIPTION: &'static str = "What is asked of those who log in to an app, and for how long they stay; what is absent or null is as by default.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let usual = Self::default();
        Some(Self {
            open_platform: form.optional(&OPEN_PLATFORM),
            auto_register: form.optional(&AUTO_REGISTER).unwrap_or(usual.auto_register),
            phone_required: form.optional(&PHONE_REQUIRED).unwrap_or(usual.phone_required),
            on_conflict: form.optional(&CONFLICT_POLICY).unwrap_or(usual.on_conflict),
            store_session_keys: form
                .optional(&STORE_SESSION_KEYS)
                .unwrap_or(usual.store_session_keys),
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
    const DESCRIPTION: &'static str = "What WeChat's pushes are believed by.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        let (token, key) = (form.required(&PUSH_TOKEN_FIELD), form.optional(&PUSH_AES_KEY));
        Some(Self { token: token?, key })
    }
}

/// A new secret.
pub(crate) struct SecretRequest(AppSecret);

impl FromForm for SecretRequest {
    const NAME: &'static str = "SecretRequest";
    const DESCRIPTION: &'static str = "The secret that WeChat is to take from now on.";

    fn from_form(form: &mut impl Form) -> Option<Self> {
        form.required(&SECRET).map(Self)
    }
}

/// All apps.
#[derive(Serialize, ToSchema)]
#[salvo(schema(name = "AppsData"))]
pub(crate) struct AppsData {
    /// Each of them, those of the configuration first. A client that names none means the first.
    apps: Vec<AppData>,
}

/// An app. No secret is part of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AppData"))]
pub(crate) struct AppData {
    /// What it is called here.
    #[salvo(schema(example = "shop"))]
    name: String,
    /// What WeChat calls it.
    #[salvo(schema(example = "wx9b1f4c7d2e8a6035"))]
    app_id: String,
    /// What is asked of those who log in.
    policy: AppPolicyData,
    /// Whether it takes WeChat's pushes.
    takes_pushes: bool,
    /// What is known of an app that was added; null of one of the configuration, which is changed there.
    #[salvo(schema(required = true))]
    registration: Option<RegistrationData>,
}

/// What is asked of those who log in to an app.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AppPolicyData"))]
pub(crate) struct AppPolicyData {
    /// The group of apps whose union ids are comparable, where there is one.
    #[salvo(schema(required = true, example = "main"))]
    open_platform: Option<String>,
    /// Whether someone unknown becomes a member by logging in.
    auto_register: bool,
    /// Whether every member must have a phone number.
    phone_required: bool,
    /// What becomes of two members who turn out to be one person.
    #[salvo(schema(example = "merge"))]
    on_conflict: &'static str,
    /// Whether WeChat's session keys are kept.
    store_session_keys: bool,
    /// Seconds an access token is good for, where that is not as usual.
    #[salvo(schema(required = true, example = 3600))]
    access_ttl: Option<u64>,
    /// Seconds a session lasts that is not refreshed, where that is not as usual.
    #[salvo(schema(required = true, example = 604_800))]
    refresh_ttl: Option<u64>,
    /// Seconds a session lasts at most, where that is not as usual.
    #[salvo(schema(required = true, example = 2_592_000))]
    session_ttl: Option<u64>,
}

/// What is known of an app that was added.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[salvo(schema(name = "AppRegistrationData"))]
pub(crate) struct RegistrationData {
    /// Since when nobody may log in, UTC; null where everybody may.
    #[salvo(schema(required = true, format = "date-time", example = "2026-11-20T10:00:00Z"))]
    disabled_at: Option<String>,
    /// When its secret was told, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    secret_changed_at: String,
    /// Whether the secret before is kept, and tried where WeChat does not take the present one.
    former_secret_kept: bool,
    /// When it was added, UTC.
    #[salvo(schema(format = "date-time", example = "2026-11-20T10:00:00Z"))]
    created_at: String,
}

impl From<AppDetails> for AppData {
    fn from(app: AppDetails) -> Self {
        Self {
            name: app.name.as_str().to_owned(),
            app_id: app.app_id.as_str().to_owned(),
            policy: app.policy.into(),
            takes_pushes: app.takes_pushes,
            registration: app.registration.map(RegistrationData::from),
        }
    }
}

impl From<AppPolicy> for AppPolicyData {
    fn from(policy: AppPolicy) -> Self {
        let seconds = |life: Option<Duration>| life.map(|life| life.as_secs());
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
