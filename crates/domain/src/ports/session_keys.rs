//! What keeps session keys unreadable, and what a provider lets them be used for.

use crate::model::identity::Subject;
use crate::model::provider::session_key::SealedSessionKey;
use crate::model::secret::SessionKey;
use crate::model::timestamp::Timestamp;
use crate::ports::store::UnitOfWork;
use crate::ports::store::error::StoreError;
use crate::ports::store::session_keys::SessionKeyReader;
use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;

use crate::model::member::phone::PhoneNumber;
use crate::model::provider::session_key::EncryptedData;
use crate::ports::provider::ProviderError;

/// Makes session keys fit to be stored.
///
/// An implementation MUST seal a key so that nobody without the sealing key reads it, and so that it
/// opens for its own user only.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait SessionKeySeal: Send + Sync {
    /// Seals a user's key.
    fn seal(&self, user: &Subject, key: &SessionKey) -> Vec<u8>;

    /// The key that was sealed for this user.
    fn open(&self, user: &Subject, sealed: &[u8]) -> Result<SessionKey, UnsealKeyError>;
}

/// A sealed session key does not open: it is damaged, or its sealing key is gone.
#[derive(Debug, thiserror::Error)]
#[error("the session key that was kept does not open")]
pub struct UnsealKeyError(#[source] pub Box<dyn Error + Send + Sync>);

/// What a session key is good for, for one app.
///
/// An implementation
/// - MUST NOT let a key, or anything that was encrypted with it, into an error or a log;
/// - MUST answer, well or ill, within one and a half seconds.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionKeyOperations: Send + Sync {
    /// The phone number in what the provider encrypted for the client.
    ///
    /// MUST be `None`, and tell nobody which it was, when the key is another one, the text was changed
    /// or holds no number, or the provider stamped it for another app or at another time.
    fn decrypt_phone(&self, key: &SessionKey, data: &EncryptedData) -> Option<PhoneNumber>;

    /// Whether the provider signed these data with the key. MUST compare in a time that does not depend
    /// on how much of the signature is right.
    fn is_signed(&self, key: &SessionKey, raw_data: &str, signature: &str) -> bool;

    /// Whether the key is the user's present one, by the provider's word.
    async fn is_current(&self, user: &Subject, key: &SessionKey) -> Result<bool, ProviderError>;

    /// Has the provider put another key in place of this one, and answers that; `None` when this one
    /// was no longer the user's.
    async fn rotate(
        &self,
        user: &Subject,
        key: &SessionKey,
    ) -> Result<Option<SessionKey>, ProviderError>;
}

/// What an app has that keeps its users' session keys.
pub struct SessionKeys {
    /// What makes them unreadable for the store.
    pub seal: Arc<dyn SessionKeySeal>,
    /// What they are good for.
    pub operations: Arc<dyn SessionKeyOperations>,
}

impl SessionKeys {
    /// Keeps a key of a known user, in place of the one before.
    pub(crate) async fn store(
        &self,
        work: &dyn UnitOfWork,
        user: &Subject,
        key: &SessionKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sealed = self.seal.seal(user, key);
        let kept = SealedSessionKey { user: user.clone(), sealed, obtained_at: now };
        work.session_keys().keep(&kept).await
    }

    /// The key that is kept of a user. One that does not open counts as none: the next login brings
    /// another.
    pub(crate) async fn load(
        &self,
        stored: &dyn SessionKeyReader,
        user: &Subject,
    ) -> Result<Option<SessionKey>, StoreError> {
        let Some(kept) = stored.find_session_key(user).await? else { return Ok(None) };
        let opened = self.seal.open(user, &kept.sealed);
        let opened = opened.inspect_err(|error| {
            let error: &(dyn std::error::Error + 'static) = error;
            tracing::warn!(error, "a session key that was kept does not open");
        });
        Ok(opened.ok())
    }
}
