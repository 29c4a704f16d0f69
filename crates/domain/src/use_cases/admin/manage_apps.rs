//! Management of registered apps by administrators.

use std::sync::Arc;

use crate::model::admin::{AdminPrincipal, Role, RoleRequired};
use crate::model::app::name::{AppId, AppName};
use crate::model::app::policy::AppPolicy;
use crate::model::app::registered::{
    NoRotation, RegisteredApp, RotationInProgress, SealedPush, SealedSecret,
};
use crate::model::app::secret::{AppSecret, AppSecretKind, PushKey, PushToken};
use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::clock::Clock;
use crate::model::timestamp::Timestamp;
use crate::ports::app::{AppSecretSeal, BuildAppError};
use crate::ports::store::Store;
use crate::ports::store::error::{AddError, StoreError};
use crate::use_cases::admin::app_details::AppDetails;
use crate::use_cases::admin::authorize::authorize;
use crate::use_cases::app::reload::ReloadApps;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// Manages the apps that are registered in the database, and shows the configured ones.
pub struct ManageApps {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Encryption of app secrets.
    pub seal: Arc<dyn AppSecretSeal>,
    /// Reload of registered apps, with the registry.
    pub reload_apps: Arc<ReloadApps>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// App to register.
pub struct NewApp {
    /// Name.
    pub name: AppName,
    /// Id at the provider.
    pub app_id: AppId,
    /// Secret of the provider.
    pub secret: AppSecret,
    /// Sign-in policy.
    pub policy: AppPolicy,
}

/// Secrets with which message pushes to an app are verified and decrypted.
pub struct AppPush {
    /// Token of the signatures.
    pub token: PushToken,
    /// Key of the encryption; `None` for plaintext messages.
    pub key: Option<PushKey>,
}

/// Reason why an operation on an app was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ManageAppsError {
    /// The administrator lacks the role.
    #[error(transparent)]
    Forbidden(#[from] RoleRequired),
    /// The app does not exist.
    #[error("the app does not exist")]
    NotFound,
    /// The app is configured, not registered.
    #[error("the app is in the configuration: it is changed there")]
    Configured,
    /// Another app has the name or app id.
    #[error("another app has this name or app id")]
    Taken,
    /// A rotation of the secret is in progress.
    #[error(transparent)]
    RotationInProgress(#[from] RotationInProgress),
    /// No rotation of the secret is in progress.
    #[error(transparent)]
    NoRotation(#[from] NoRotation),
    /// The app is not disabled, or members have identities in it.
    #[error("the app is in use: it is not disabled, or members have identities in it")]
    InUse,
    /// The app cannot be built with its secrets.
    #[error(transparent)]
    InvalidSecret(#[from] BuildAppError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Change of a registered app, with its audit event.
struct AppChange<'a> {
    kind: AuditKind,
    detail: Option<&'static str>,
    apply: &'a ApplyChange<'a>,
}

type ApplyChange<'a> =
    dyn Fn(&mut RegisteredApp, Timestamp) -> Result<(), ManageAppsError> + Sync + 'a;

impl ManageApps {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, reload_apps: Arc<ReloadApps>) -> Self {
        Self {
            store: ports.store.clone(),
            seal: ports.app_secret_seal.clone(),
            reload_apps,
            events: EventFactory::new(ports),
            clock: ports.clock.clone(),
        }
    }

    /// Returns all apps, the configured ones first.
    pub async fn list(&self, actor: &AdminPrincipal) -> Result<Vec<AppDetails>, ManageAppsError> {
        actor.require_role(Role::Viewer)?;
        let registered = self.reload_apps.registered_apps.registered_apps().await?;
        let configured = self.reload_apps.apps.configured().iter();
        let configured = configured.map(|app| AppDetails::configured(app));
        Ok(configured.chain(registered.into_iter().map(AppDetails::from)).collect())
    }

    /// Returns one app.
    pub async fn get(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
    ) -> Result<AppDetails, ManageAppsError> {
        let found = self.list(actor).await?.into_iter().find(|app| app.name == *name);
        found.ok_or(ManageAppsError::NotFound)
    }

    /// Registers an app. Users can log in to it at once.
    pub async fn add(
        &self,
        actor: &AdminPrincipal,
        new: &NewApp,
    ) -> Result<AppDetails, ManageAppsError> {
        actor.require_role(Role::Admin)?;
        let apps = &self.reload_apps.apps;
        let keys = [new.name.as_str(), new.app_id.as_str()];
        if keys.into_iter().any(|key| apps.is_configured(key)) {
            return Err(ManageAppsError::Configured);
        }
        // Clients name an app by either of them, so a name must not be the id of another app.
        if keys.into_iter().any(|key| apps.select(Some(key)).is_some()) {
            return Err(ManageAppsError::Taken);
        }
        let now = self.clock.now();
        let app = self.registered_app(new, now);
        self.reload_apps.factory.build(&app)?;
        retry_on_contention(|| self.try_add(actor, &app, now)).await?;
        Ok(self.reload_and_return(app).await)
    }

    fn registered_app(&self, new: &NewApp, now: Timestamp) -> RegisteredApp {
        let current = self.seal.seal(&new.name, AppSecretKind::Secret, new.secret.expose());
        RegisteredApp {
            name: new.name.clone(),
            app_id: new.app_id.clone(),
            policy: new.policy.clone(),
            secret: SealedSecret { current, former: None, changed_at: now },
            push: None,
            disabled_at: None,
            created_at: now,
            version: 0,
        }
    }

    async fn try_add(
        &self,
        actor: &AdminPrincipal,
        app: &RegisteredApp,
        now: Timestamp,
    ) -> Result<(), ManageAppsError> {
        let work = self.store.begin().await?;
        authorize::<ManageAppsError>(work.as_ref(), actor, Role::Admin).await?;
        work.apps().add(app).await.map_err(|error| match error {
            AddError::Taken => ManageAppsError::Taken,
            AddError::Store(error) => error.into(),
        })?;
        let event = self.events.audit_event(AuditKind::AppAdded, now).in_app(app.name.clone());
        work.audit().record(&event.with_actor(Some(actor.id))).await?;
        Ok(work.commit().await?)
    }

    /// Replaces the sign-in policy.
    pub async fn set_policy(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
        policy: &AppPolicy,
    ) -> Result<AppDetails, ManageAppsError> {
        let apply = |app: &mut RegisteredApp, _| {
            app.policy = policy.clone();
            Ok(())
        };
        let change =
            AppChange { kind: AuditKind::AppChanged, detail: Some("policy"), apply: &apply };
        self.change(actor, name, &change).await
    }

    /// Configures message push; `None` disables it.
    pub async fn set_push(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
        push: Option<&AppPush>,
    ) -> Result<AppDetails, ManageAppsError> {
        let seal = |kind, secret: &str| self.seal.seal(name, kind, secret);
        let apply = |app: &mut RegisteredApp, _| {
            app.push = push.map(|push| SealedPush {
                token: seal(AppSecretKind::PushToken, push.token.expose()),
                key: push.key.as_ref().map(|key| seal(AppSecretKind::PushKey, key.expose())),
            });
            Ok(())
        };
        let detail = if push.is_some() { "push" } else { "push_removed" };
        let change = AppChange { kind: AuditKind::AppChanged, detail: Some(detail), apply: &apply };
        self.change(actor, name, &change).await
    }

    /// Starts a rotation of the secret: the new one is used, and the former one if the provider rejects it.
    pub async fn rotate_secret(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
        secret: &AppSecret,
    ) -> Result<AppDetails, ManageAppsError> {
        let apply = |app: &mut RegisteredApp, now| {
            let sealed = self.seal.seal(name, AppSecretKind::Secret, secret.expose());
            Ok(app.secret.rotate(sealed, now)?)
        };
        self.change(actor, name, &AppChange::secret("started", &apply)).await
    }

    /// Finishes a rotation: deletes the former secret.
    pub async fn finish_rotation(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
    ) -> Result<AppDetails, ManageAppsError> {
        let apply = |app: &mut RegisteredApp, _| Ok(app.secret.finish_rotation()?);
        self.change(actor, name, &AppChange::secret("finished", &apply)).await
    }

    /// Cancels a rotation: deletes the new secret and uses the former one again.
    pub async fn cancel_rotation(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
    ) -> Result<AppDetails, ManageAppsError> {
        let apply = |app: &mut RegisteredApp, now| Ok(app.secret.cancel_rotation(now)?);
        self.change(actor, name, &AppChange::secret("cancelled", &apply)).await
    }

    /// Disables or enables an app.
    ///
    /// Logins to a disabled app and refreshes of its sessions are refused. Access tokens remain valid until
    /// they expire.
    pub async fn set_disabled(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
        disabled: bool,
    ) -> Result<AppDetails, ManageAppsError> {
        let kind = if disabled { AuditKind::AppDisabled } else { AuditKind::AppEnabled };
        let apply = |app: &mut RegisteredApp, now| {
            app.disabled_at = disabled.then(|| app.disabled_at.unwrap_or(now));
            Ok(())
        };
        self.change(actor, name, &AppChange { kind, detail: None, apply: &apply }).await
    }

    /// Removes an app. It must be disabled, and no member may have an identity in it.
    pub async fn remove(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
    ) -> Result<(), ManageAppsError> {
        self.ensure_may_change(actor, name)?;
        let now = self.clock.now();
        retry_on_contention(|| self.try_remove(actor, name, now)).await?;
        self.reload().await;
        Ok(())
    }

    async fn try_remove(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
        now: Timestamp,
    ) -> Result<(), ManageAppsError> {
        let work = self.store.begin().await?;
        authorize::<ManageAppsError>(work.as_ref(), actor, Role::Admin).await?;
        let app = work.apps().find(name).await?.ok_or(ManageAppsError::NotFound)?;
        let namespace = self.reload_apps.factory.namespace(&app.app_id);
        if app.disabled_at.is_none() || work.identities().exists_in_namespace(&namespace).await? {
            return Err(ManageAppsError::InUse);
        }
        work.apps().remove(&app).await.map_err(StoreError::from)?;
        let event = self.events.audit_event(AuditKind::AppRemoved, now).in_app(app.name);
        work.audit().record(&event.with_actor(Some(actor.id))).await?;
        Ok(work.commit().await?)
    }

    async fn change(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
        change: &AppChange<'_>,
    ) -> Result<AppDetails, ManageAppsError> {
        self.ensure_may_change(actor, name)?;
        let now = self.clock.now();
        let app = retry_on_contention(|| self.try_change(actor, name, change, now)).await?;
        Ok(self.reload_and_return(app).await)
    }

    async fn try_change(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
        change: &AppChange<'_>,
        now: Timestamp,
    ) -> Result<RegisteredApp, ManageAppsError> {
        let work = self.store.begin().await?;
        authorize::<ManageAppsError>(work.as_ref(), actor, Role::Admin).await?;
        let mut app = work.apps().find(name).await?.ok_or(ManageAppsError::NotFound)?;
        (change.apply)(&mut app, now)?;
        match self.reload_apps.factory.build(&app) {
            // A secret that cannot be decrypted must not prevent its replacement.
            Ok(_) | Err(BuildAppError::Sealed(_)) => {}
            Err(invalid @ (BuildAppError::Secret(_) | BuildAppError::Push(_))) => {
                return Err(invalid.into());
            }
        }
        work.apps().update(&app).await.map_err(StoreError::from)?;
        let event = self.events.audit_event(change.kind, now).in_app(app.name.clone());
        let event = AuditEvent { detail: change.detail.map(str::to_owned), ..event };
        work.audit().record(&event.with_actor(Some(actor.id))).await?;
        work.commit().await?;
        Ok(app)
    }

    fn ensure_may_change(
        &self,
        actor: &AdminPrincipal,
        name: &AppName,
    ) -> Result<(), ManageAppsError> {
        actor.require_role(Role::Admin)?;
        if self.reload_apps.apps.is_configured(name.as_str()) {
            return Err(ManageAppsError::Configured);
        }
        Ok(())
    }

    async fn reload_and_return(&self, app: RegisteredApp) -> AppDetails {
        self.reload().await;
        app.into()
    }

    /// Reloads the apps on this instance at once. If it fails, the periodic reload follows within a second,
    /// as on the other instances.
    async fn reload(&self) {
        if let Err(error) = self.reload_apps.run().await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "reload of registered apps failed, will retry");
        }
    }
}

impl<'a> AppChange<'a> {
    /// Change of the secret.
    const fn secret(detail: &'static str, apply: &'a ApplyChange<'a>) -> Self {
        Self { kind: AuditKind::AppSecretRotated, detail: Some(detail), apply }
    }
}
