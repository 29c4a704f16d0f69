//! Use the session key that is kept of a user, on behalf of a trusted back end that never sees it.

use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::identity::Subject;
use crate::model::secret::SessionKey;
use crate::model::service_account::Service;
use crate::ports::app::{App, AppDisabled};
use crate::ports::provider::ProviderError;
use crate::ports::session_keys::SessionKeys;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::store::members::MemberDirectory;
use crate::use_cases::app::registry::Apps;
use crate::use_cases::retry::retried;

/// The use cases. A caller without a service key has no [`Service`] to pass.
pub struct UseSessionKey {
    /// The apps served.
    pub apps: Arc<Apps>,
    /// Where a new key is kept.
    pub store: Arc<dyn Store>,
    /// Where keys are looked up.
    pub directory: Arc<dyn MemberDirectory>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A user as a back end names them.
pub struct NamedUser {
    /// The app, by name or app id; the first one when `None`.
    pub app: Option<String>,
    /// The user within the app.
    pub open_id: String,
}

/// Why a session key was not used.
#[derive(Debug, thiserror::Error)]
pub enum UseSessionKeyError {
    /// The caller named an app that is not served here.
    #[error("no app of that name or id is served here")]
    UnknownApp,
    /// Nobody may log in to the app, nor use a session key of its.
    #[error(transparent)]
    AppDisabled(#[from] AppDisabled),
    /// The app's keys are not kept.
    #[error("the app keeps no session keys: its store_session_keys has to be true")]
    NotKept,
    /// There is no key, or none that the provider still knows.
    #[error("there is no good session key of the user: they have to log in again")]
    NoKey,
    /// The provider was asked in vain.
    #[error("the provider did not answer as it should")]
    Provider(#[from] ProviderError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user, their key, and what it is good for.
struct Found {
    app: Arc<App>,
    user: Subject,
    key: SessionKey,
}

impl UseSessionKey {
    /// Whether the key is the user's present one, by the provider's word.
    pub async fn check(
        &self,
        _service: &Service,
        named: &NamedUser,
    ) -> Result<bool, UseSessionKeyError> {
        let Found { app, user, key } = self.find(named).await?;
        Ok(keys_of(&app)?.uses.is_current(&user, &key).await?)
    }

    /// Has the provider replace the key, and keeps the new one.
    pub async fn reset(
        &self,
        service: &Service,
        named: &NamedUser,
    ) -> Result<(), UseSessionKeyError> {
        let Found { app, user, key } = self.find(named).await?;
        let keys = keys_of(&app)?;
        let fresh = keys.uses.renew(&user, &key).await?.ok_or(UseSessionKeyError::NoKey)?;
        let keep = || async {
            let work = self.store.begin().await?;
            keys.keep(work.as_ref(), &user, &fresh, self.clock.now()).await?;
            work.commit().await
        };
        retried(keep).await?;
        tracing::info!(service = service.name, "session key reset");
        Ok(())
    }

    /// Whether the provider signed these data of the user.
    pub async fn verify_signature(
        &self,
        _service: &Service,
        named: &NamedUser,
        raw_data: &str,
        signature: &str,
    ) -> Result<bool, UseSessionKeyError> {
        let Found { app, key, .. } = self.find(named).await?;
        Ok(keys_of(&app)?.uses.is_signed(&key, raw_data, signature))
    }

    async fn find(&self, named: &NamedUser) -> Result<Found, UseSessionKeyError> {
        let app = self.apps.select(named.app.as_deref());
        let app = app.ok_or(UseSessionKeyError::UnknownApp)?;
        app.ensure_enabled()?;
        let user = app.user(&named.open_id);
        let key = keys_of(&app)?.of(self.directory.as_ref(), &user).await?;
        Ok(Found { app, user, key: key.ok_or(UseSessionKeyError::NoKey)? })
    }
}

fn keys_of(app: &App) -> Result<&SessionKeys, UseSessionKeyError> {
    app.session_keys.as_ref().ok_or(UseSessionKeyError::NotKept)
}
