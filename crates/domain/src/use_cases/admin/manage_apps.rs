//! Decide which apps are served beside those of the configuration, and how.

use std::sync::Arc;

use crate::model::admin::{AdminPrincipal, Role, RoleRequired};
use crate::model::app::name::{AppId, AppName};
use crate::model::app::policy::AppPolicy;
use crate::model::app::registered::{
    NoRotation, RegisteredApp, RotationInProgress, SealedPush, SealedSecret,
};
use crate::model::app::secret::{AppSecret, AppSecretKind, PushKey, PushToken};
use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::timestamp::Timestamp;
use crate::ports::app::App;
use crate::ports::app::{AppSecretSeal, BuildAppError};
use crate::ports::store::Store;
use crate::ports::store::error::{AddError, StoreError};
use crate::use_cases::app::reload::ReloadApps;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// The use cases.
pub struct ManageApps {
    /// Where apps are kept.
    pub store: Arc<dyn Store>,
    /// What seals their secrets.
    pub seal: Arc<dyn AppSecretSeal>,
    /// What serves them, and makes them work.
    pub serve: Arc<ReloadApps>,
    /// What makes events.
    pub events: EventFactory,
}

/// An app to be added.
pub struct NewApp {
    /// Its name here.
    pub name: AppName,
    /// The provider's id of it.
    pub app_id: AppId,
    /// What it shows to the provider.
    pub secret: AppSecret,
    /// What is asked of those who log in.
    pub policy: AppPolicy,
}

/// What an app's pushes are to be believed by.
pub struct AppPush {
    /// The token that signs them.
    pub token: PushToken,
    /// The key that encrypts them.
    pub key: Option<PushKey>,
}

/// An app, as administrators see it: no secret is part of it.
#[derive(Debug, PartialEq, Eq)]
pub struct AppDetails {
    /// Its name here.
    pub name: AppName,
    /// The provider's id of it.
    pub app_id: AppId,
    /// What is asked of those who log in.
    pub policy: AppPolicy,
    /// Whether it takes the provider's pushes.
    pub takes_pushes: bool,
    /// What is known of one that was added; `None` for one of the configuration.
    pub registration: Option<Registration>,
}

/// What is known of an app that was added.
#[derive(Debug, PartialEq, Eq)]
pub struct Registration {
    /// Since when nobody may log in.
    pub disabled_at: Option<Timestamp>,
    /// When its secret was told.
    pub secret_changed_at: Timestamp,
    /// Whether the secret before is still tried.
    pub former_secret_kept: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Why nothing was changed or told.
#[derive(Debug, thiserror::Error)]
pub enum ManageAppsError {
    /// The administrator may not do this.
    #[error(transparent)]
    Forbidden(#[from] RoleRequired),
    /// There is no such app.
    #[error("there is no such app")]
    NotFound,
    /// The app is one of the configuration.
    #[error("the app is in the configuration: it is changed there")]
    Configured,
    /// The name or the app id is another app's.
    #[error("another app has this name or app id")]
    Taken,
    /// Its secret is being changed already.
    #[error(transparent)]
    RotationInProgress(#[from] RotationInProgress),
    /// There is no former secret.
    #[error(transparent)]
    NoRotation(#[from] NoRotation),
    /// People may log in to it, or did so and are known by it.
    #[error("the app is in use: it is not disabled, or members are known by it")]
    InUse,
    /// It would not work.
    #[error(transparent)]
    InvalidSecret(#[from] BuildAppError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ManageApps {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, serve: Arc<ReloadApps>) -> Self {
        Self {
            store: ports.store.clone(),
            seal: ports.app_secret_seal.clone(),
            serve,
            events: EventFactory::new(ports),
        }
    }

    /// All apps, those of the configuration first.
    pub async fn list(&self, by: &AdminPrincipal) -> Result<Vec<AppDetails>, ManageAppsError> {
        by.require_role(Role::Viewer)?;
        let registered = self.serve.registered_apps.registered_apps().await?;
        let configured = self.serve.apps.configured().iter().map(|app| AppDetails::configured(app));
        Ok(configured.chain(registered.into_iter().map(AppDetails::from)).collect())
    }

    /// One app.
    pub async fn get(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
    ) -> Result<AppDetails, ManageAppsError> {
        let found = self.list(by).await?.into_iter().find(|app| app.name == *name);
        found.ok_or(ManageAppsError::NotFound)
    }

    /// Adds an app, which is served from now on.
    pub async fn add(
        &self,
        by: &AdminPrincipal,
        new: &NewApp,
    ) -> Result<AppDetails, ManageAppsError> {
        by.require_role(Role::Admin)?;
        let called = [new.name.as_str(), new.app_id.as_str()];
        if called.into_iter().any(|it| self.serve.apps.is_configured(it)) {
            return Err(ManageAppsError::Configured);
        }
        // No client could tell an app whose name is another one's id.
        if called.into_iter().any(|it| self.serve.apps.select(Some(it)).is_some()) {
            return Err(ManageAppsError::Taken);
        }
        let app = retry_on_contention(|| self.try_to_add(by, new)).await?;
        Ok(self.reload_and_return(app).await)
    }

    async fn try_to_add(
        &self,
        by: &AdminPrincipal,
        new: &NewApp,
    ) -> Result<RegisteredApp, ManageAppsError> {
        let now = self.events.clock.now();
        let current = self.seal.seal(&new.name, AppSecretKind::Secret, new.secret.expose());
        let app = RegisteredApp {
            name: new.name.clone(),
            app_id: new.app_id.clone(),
            policy: new.policy.clone(),
            secret: SealedSecret { current, former: None, changed_at: now },
            push: None,
            disabled_at: None,
            created_at: now,
            version: 0,
        };
        self.serve.factory.build(&app)?;
        let work = self.store.begin().await?;
        work.apps().add(&app).await.map_err(|error| match error {
            AddError::Taken => ManageAppsError::Taken,
            AddError::Store(error) => error.into(),
        })?;
        let event = self.events.event(AuditKind::AppAdded).in_app(app.name.clone());
        work.audit().record(&event.with_actor(Some(by.id))).await?;
        work.commit().await?;
        Ok(app)
    }

    /// Asks something else of those who log in from now on.
    pub async fn set_policy(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
        policy: &AppPolicy,
    ) -> Result<AppDetails, ManageAppsError> {
        let change = |app: &mut RegisteredApp, _| {
            app.policy = policy.clone();
            Ok(())
        };
        self.change(by, name, AuditKind::AppChanged, Some("policy"), &change).await
    }

    /// Takes the provider's pushes from now on where they are to be believed by this, or none.
    pub async fn set_push(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
        push: Option<&AppPush>,
    ) -> Result<AppDetails, ManageAppsError> {
        let seal = |kind, secret: &str| self.seal.seal(name, kind, secret);
        let change = |app: &mut RegisteredApp, _| {
            app.push = push.map(|push| SealedPush {
                token: seal(AppSecretKind::PushToken, push.token.expose()),
                key: push.key.as_ref().map(|key| seal(AppSecretKind::PushKey, key.expose())),
            });
            Ok(())
        };
        let detail = if push.is_some() { "push" } else { "push_removed" };
        self.change(by, name, AuditKind::AppChanged, Some(detail), &change).await
    }

    /// Shows a new secret to the provider from now on, and the one before where the provider does not
    /// take it.
    pub async fn rotate_secret(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
        secret: &AppSecret,
    ) -> Result<AppDetails, ManageAppsError> {
        let change = |app: &mut RegisteredApp, now| {
            let sealed = self.seal.seal(name, AppSecretKind::Secret, secret.expose());
            Ok(app.secret.rotate(sealed, now)?)
        };
        self.change(by, name, AuditKind::AppSecretRotated, Some("started"), &change).await
    }

    /// Forgets the secret before the present one.
    pub async fn finish_rotation(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
    ) -> Result<AppDetails, ManageAppsError> {
        let change = |app: &mut RegisteredApp, _| Ok(app.secret.finish_rotation()?);
        self.change(by, name, AuditKind::AppSecretRotated, Some("finished"), &change).await
    }

    /// Forgets the present secret, and goes on with the one before.
    pub async fn cancel_rotation(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
    ) -> Result<AppDetails, ManageAppsError> {
        let change = |app: &mut RegisteredApp, now| Ok(app.secret.cancel_rotation(now)?);
        self.change(by, name, AuditKind::AppSecretRotated, Some("cancelled"), &change).await
    }

    /// Lets nobody log in, or everybody again. Who is logged in stays so until their access token
    /// expires, since no session is prolonged either.
    pub async fn set_disabled(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
        disabled: bool,
    ) -> Result<AppDetails, ManageAppsError> {
        let kind = if disabled { AuditKind::AppDisabled } else { AuditKind::AppEnabled };
        let change = |app: &mut RegisteredApp, now| {
            app.disabled_at = disabled.then(|| app.disabled_at.unwrap_or(now));
            Ok(())
        };
        self.change(by, name, kind, None, &change).await
    }

    /// Forgets an app that is disabled and by which no member is known.
    pub async fn remove(&self, by: &AdminPrincipal, name: &AppName) -> Result<(), ManageAppsError> {
        self.ensure_may_change(by, name)?;
        retry_on_contention(|| self.try_to_remove(by, name)).await?;
        self.reload().await;
        Ok(())
    }

    async fn try_to_remove(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
    ) -> Result<(), ManageAppsError> {
        let work = self.store.begin().await?;
        let app = work.apps().find(name).await?.ok_or(ManageAppsError::NotFound)?;
        let namespace = self.serve.factory.namespace(&app.app_id);
        if app.disabled_at.is_none() || work.identities().exists_in_namespace(&namespace).await? {
            return Err(ManageAppsError::InUse);
        }
        work.apps().remove(&app).await.map_err(StoreError::from)?;
        let event = self.events.event(AuditKind::AppRemoved).in_app(app.name);
        work.audit().record(&event.with_actor(Some(by.id))).await?;
        Ok(work.commit().await?)
    }

    async fn change(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
        kind: AuditKind,
        detail: Option<&str>,
        change: &Change<'_>,
    ) -> Result<AppDetails, ManageAppsError> {
        self.ensure_may_change(by, name)?;
        let app = retry_on_contention(|| self.try_change(by, name, kind, detail, change)).await?;
        Ok(self.reload_and_return(app).await)
    }

    async fn try_change(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
        kind: AuditKind,
        detail: Option<&str>,
        change: &Change<'_>,
    ) -> Result<RegisteredApp, ManageAppsError> {
        let work = self.store.begin().await?;
        let mut app = work.apps().find(name).await?.ok_or(ManageAppsError::NotFound)?;
        change(&mut app, self.events.clock.now())?;
        // One that does not open may be replaced.
        if let Err(unfit @ (BuildAppError::Secret(_) | BuildAppError::Push(_))) =
            self.serve.factory.build(&app)
        {
            return Err(unfit.into());
        }
        work.apps().update(&app).await.map_err(StoreError::from)?;
        let event = self.events.event(kind).in_app(app.name.clone()).with_actor(Some(by.id));
        let detail = detail.map(str::to_owned);
        work.audit().record(&AuditEvent { detail, ..event }).await?;
        work.commit().await?;
        Ok(app)
    }

    fn ensure_may_change(
        &self,
        by: &AdminPrincipal,
        name: &AppName,
    ) -> Result<(), ManageAppsError> {
        by.require_role(Role::Admin)?;
        let configured = self.serve.apps.is_configured(name.as_str());
        if configured { Err(ManageAppsError::Configured) } else { Ok(()) }
    }

    async fn reload_and_return(&self, app: RegisteredApp) -> AppDetails {
        self.reload().await;
        app.into()
    }

    /// Serves what was changed, on this instance at once. Were that to fail, it is done again within a
    /// second, as on all the others.
    async fn reload(&self) {
        if let Err(error) = self.serve.run().await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "an app that was changed is not served so yet");
        }
    }
}

/// What is changed of an app.
type Change<'a> = dyn Fn(&mut RegisteredApp, Timestamp) -> Result<(), ManageAppsError> + Sync + 'a;

impl AppDetails {
    fn configured(app: &App) -> Self {
        Self {
            name: app.name.clone(),
            app_id: app.app_id.clone(),
            policy: app.policy.clone(),
            takes_pushes: app.pushes.is_some(),
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
            takes_pushes: app.push.is_some(),
        }
    }
}
