//! Use the session key that is kept of a user, on behalf of a trusted back end that never sees it.

use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::identity::Subject;
use crate::model::secret::SessionKey;
use crate::model::service_account::ServiceAccount;
use crate::ports::app::{App, AppDisabled};
use crate::ports::provider::ProviderError;
use crate::ports::session_keys::SessionKeys;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::store::session_keys::SessionKeyReader;
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::ports::Ports;
use crate::use_cases::retry::retry_on_contention;

/// The use cases. A caller without a service key has no [`Service`] to pass.
pub struct UseSessionKey {
    /// The apps served.
    pub apps: Arc<AppRegistry>,
    /// Where a new key is kept.
    pub store: Arc<dyn Store>,
    /// Stored session keys.
    pub session_keys: Arc<dyn SessionKeyReader>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A user as a back end names them.
pub struct UserRef {
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
struct KeptSessionKey {
    app: Arc<App>,
    user: Subject,
    key: SessionKey,
}

impl UseSessionKey {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            apps: ports.apps.clone(),
            store: ports.store.clone(),
            session_keys: ports.readers.session_keys.clone(),
            clock: ports.clock.clone(),
        }
    }

    /// Whether the key is the user's present one, by the provider's word.
    pub async fn check(
        &self,
        _service: &ServiceAccount,
        named: &UserRef,
    ) -> Result<bool, UseSessionKeyError> {
        let KeptSessionKey { app, user, key } = self.find(named).await?;
        Ok(session_keys_of(&app)?.operations.is_current(&user, &key).await?)
    }

    /// Has the provider replace the key, and keeps the new one.
    pub async fn reset(
        &self,
        service: &ServiceAccount,
        named: &UserRef,
    ) -> Result<(), UseSessionKeyError> {
        let KeptSessionKey { app, user, key } = self.find(named).await?;
        let keys = session_keys_of(&app)?;
        let fresh = keys.operations.rotate(&user, &key).await?.ok_or(UseSessionKeyError::NoKey)?;
        let keep = || async {
            let work = self.store.begin().await?;
            keys.store(work.as_ref(), &user, &fresh, self.clock.now()).await?;
            work.commit().await
        };
        retry_on_contention(keep).await?;
        tracing::info!(service = service.name, "session key reset");
        Ok(())
    }

    /// Whether the provider signed these data of the user.
    pub async fn verify_signature(
        &self,
        _service: &ServiceAccount,
        named: &UserRef,
        raw_data: &str,
        signature: &str,
    ) -> Result<bool, UseSessionKeyError> {
        let KeptSessionKey { app, key, .. } = self.find(named).await?;
        Ok(session_keys_of(&app)?.operations.is_signed(&key, raw_data, signature))
    }

    async fn find(&self, named: &UserRef) -> Result<KeptSessionKey, UseSessionKeyError> {
        let app = self.apps.select(named.app.as_deref());
        let app = app.ok_or(UseSessionKeyError::UnknownApp)?;
        app.ensure_enabled()?;
        let user = app.subject_of(&named.open_id);
        let key = session_keys_of(&app)?.load(self.session_keys.as_ref(), &user).await?;
        Ok(KeptSessionKey { app, user, key: key.ok_or(UseSessionKeyError::NoKey)? })
    }
}

fn session_keys_of(app: &App) -> Result<&SessionKeys, UseSessionKeyError> {
    app.session_keys.as_ref().ok_or(UseSessionKeyError::NotKept)
}
