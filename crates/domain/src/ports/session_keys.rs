//! Encryption and use of session keys.

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

/// Encrypts session keys for storage.
///
/// An implementation MUST encrypt a key so that it cannot be read without the sealing key, and bind it
/// to its user.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait SessionKeySeal: Send + Sync {
    /// Encrypts a user's session key.
    fn seal(&self, user: &Subject, key: &SessionKey) -> Vec<u8>;

    /// Decrypts the session key of a user.
    fn open(&self, user: &Subject, sealed: &[u8]) -> Result<SessionKey, UnsealKeyError>;
}

/// Error: a session key cannot be decrypted. It is damaged, or its sealing key is missing.
#[derive(Debug, thiserror::Error)]
#[error("the stored session key cannot be decrypted")]
pub struct UnsealKeyError(#[source] pub Box<dyn Error + Send + Sync>);

/// Operations with session keys of one app.
///
/// An implementation
/// - MUST NOT put a key, or data encrypted with it, into an error or a log;
/// - MUST return within 1.5 seconds, with success or failure.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait SessionKeyOperations: Send + Sync {
    /// Decrypts the phone number in data that the provider encrypted for the client.
    ///
    /// MUST return `None`, without a distinction, if the key is wrong, the data were changed or contain
    /// no number, or their watermark names another app or time.
    fn decrypt_phone(&self, key: &SessionKey, data: &EncryptedData) -> Option<PhoneNumber>;

    /// Returns `true` if the provider signed the data with the key. MUST compare in constant time.
    fn is_signed(&self, key: &SessionKey, raw_data: &str, signature: &str) -> bool;

    /// Asks the provider if the key is the user's current one.
    async fn is_current(&self, user: &Subject, key: &SessionKey) -> Result<bool, ProviderError>;

    /// Asks the provider to replace the key and returns the new one; `None` if the key was not the
    /// current one.
    async fn rotate(
        &self,
        user: &Subject,
        key: &SessionKey,
    ) -> Result<Option<SessionKey>, ProviderError>;
}

/// Storage of the session keys of an app.
pub struct SessionKeys {
    /// Encryption for the store.
    pub seal: Arc<dyn SessionKeySeal>,
    /// Operations of the provider.
    pub operations: Arc<dyn SessionKeyOperations>,
}

impl SessionKeys {
    /// Stores the session key of a known user, replacing the previous one.
    pub(crate) async fn store(
        &self,
        work: &dyn UnitOfWork,
        user: &Subject,
        key: &SessionKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sealed = self.seal.seal(user, key);
        let sealed_key = SealedSessionKey { user: user.clone(), sealed, obtained_at: now };
        work.session_keys().upsert(&sealed_key).await
    }

    /// Loads the session key of a user. One that cannot be decrypted counts as missing, since the next
    /// login brings a new one.
    pub(crate) async fn load(
        &self,
        reader: &dyn SessionKeyReader,
        user: &Subject,
    ) -> Result<Option<SessionKey>, StoreError> {
        let Some(stored) = reader.find_session_key(user).await? else { return Ok(None) };
        match self.seal.open(user, &stored.sealed) {
            Ok(key) => Ok(Some(key)),
            Err(error) => {
                let error: &(dyn Error + 'static) = &error;
                tracing::warn!(error, "stored session key cannot be decrypted, ignoring it");
                Ok(None)
            }
        }
    }
}
