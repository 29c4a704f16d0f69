//! Operations with stored session keys, for service accounts that never get the keys.

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

/// Uses stored session keys for a service account. A caller that is not authenticated has no
/// [`ServiceAccount`] to pass.
pub struct UseSessionKey {
    /// Apps that users log in to.
    pub apps: Arc<AppRegistry>,
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Stored session keys.
    pub session_keys: Arc<dyn SessionKeyReader>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
}

/// Reference to a user.
pub struct UserRef {
    /// App, by name or app id; `None` is the first one.
    pub app: Option<String>,
    /// Id of the user within the app.
    pub open_id: String,
}

/// Reason why a session key was not used.
#[derive(Debug, thiserror::Error)]
pub enum UseSessionKeyError {
    /// The app does not exist.
    #[error("no app of that name or id is served here")]
    UnknownApp,
    /// The app is disabled.
    #[error(transparent)]
    AppDisabled(#[from] AppDisabled),
    /// The app stores no session keys.
    #[error("the app stores no session keys: its store_session_keys has to be true")]
    NotKept,
    /// There is no session key of the user, or the provider has replaced it.
    #[error("there is no valid session key of the user: they have to log in again")]
    NoKey,
    /// The provider failed.
    #[error("the call to the provider failed")]
    Provider(#[from] ProviderError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user and the stored session key.
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

    /// Asks the provider if the stored key is the current one of the user.
    pub async fn check(
        &self,
        _service: &ServiceAccount,
        user: &UserRef,
    ) -> Result<bool, UseSessionKeyError> {
        let KeptSessionKey { app, user, key } = self.find(user).await?;
        Ok(session_keys_of(&app)?.operations.is_current(&user, &key).await?)
    }

    /// Lets the provider replace the key, and stores the new one.
    pub async fn reset(
        &self,
        service: &ServiceAccount,
        user: &UserRef,
    ) -> Result<(), UseSessionKeyError> {
        let KeptSessionKey { app, user, key } = self.find(user).await?;
        let keys = session_keys_of(&app)?;
        let rotated = keys.operations.rotate(&user, &key).await?;
        let rotated = rotated.ok_or(UseSessionKeyError::NoKey)?;
        let now = self.clock.now();
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            keys.store(work.as_ref(), &user, &rotated, now).await?;
            work.commit().await
        })
        .await?;
        tracing::info!(service = service.name, "session key reset");
        Ok(())
    }

    /// Checks if the provider signed the data with the user's key.
    pub async fn verify_signature(
        &self,
        _service: &ServiceAccount,
        user: &UserRef,
        raw_data: &str,
        signature: &str,
    ) -> Result<bool, UseSessionKeyError> {
        let KeptSessionKey { app, key, .. } = self.find(user).await?;
        Ok(session_keys_of(&app)?.operations.is_signed(&key, raw_data, signature))
    }

    async fn find(&self, user: &UserRef) -> Result<KeptSessionKey, UseSessionKeyError> {
        let app = self.apps.select(user.app.as_deref()).ok_or(UseSessionKeyError::UnknownApp)?;
        app.ensure_enabled()?;
        let user = app.subject_of(&user.open_id);
        let key = session_keys_of(&app)?.load(self.session_keys.as_ref(), &user).await?;
        let key = key.ok_or(UseSessionKeyError::NoKey)?;
        Ok(KeptSessionKey { app, user, key })
    }
}

fn session_keys_of(app: &App) -> Result<&SessionKeys, UseSessionKeyError> {
    app.session_keys.as_ref().ok_or(UseSessionKeyError::NotKept)
}
