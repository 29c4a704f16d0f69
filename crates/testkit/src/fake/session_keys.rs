//! Fake session key operations: sealed, encrypted and signed values are readable text.

use std::hash::{DefaultHasher, Hash, Hasher};

use async_trait::async_trait;
use domain::model::identity::Subject;
use domain::model::member::phone::PhoneNumber;
use domain::model::provider::session_key::EncryptedData;
use domain::model::secret::SessionKey;
use domain::ports::provider::ProviderError;
use domain::ports::session_keys::{SessionKeyOperations, SessionKeySeal, UnsealKeyError};

use crate::fake::provider::{MemoryCall, MemoryProvider, MemoryUser};

/// Seals a key as its user and the reversed text.
#[derive(Debug, Default)]
pub struct MemoryKeySeal;

impl SessionKeySeal for MemoryKeySeal {
    fn seal(&self, user: &Subject, key: &SessionKey) -> Vec<u8> {
        let backwards: String = key.expose().chars().rev().collect();
        format!("{} {backwards}", user.value).into_bytes()
    }

    fn open(&self, user: &Subject, sealed: &[u8]) -> Result<SessionKey, UnsealKeyError> {
        let sealed = String::from_utf8_lossy(sealed);
        match sealed.rsplit_once(' ') {
            Some((owner, backwards)) if owner == user.value => {
                let key: String = backwards.chars().rev().collect();
                Ok(SessionKey::new(key.into()))
            }
            Some(_) | None => Err(UnsealKeyError("never sealed, or for another user".into())),
        }
    }
}

/// Returns the signature of data: forty hexadecimal digits.
#[must_use]
pub fn signature(key: &str, raw_data: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (key, raw_data).hash(&mut hasher);
    format!("{:040x}", hasher.finish())
}

impl MemoryProvider {
    /// Encrypts a phone number with the session key of the user's last login.
    pub fn encrypted_phone(&self, user: &MemoryUser, phone: &PhoneNumber) -> EncryptedData {
        let key = self.state().keys.get(&user.login).cloned().unwrap_or_default();
        let ciphertext = format!("{key} {} {}", phone.country_code(), phone.national());
        EncryptedData { ciphertext: ciphertext.into_bytes(), iv: [0; 16] }
    }

    /// Replaces the user's session key, as the provider does at times.
    pub fn rotate_key(&self, user: &Subject) -> SessionKey {
        let mut state = self.state();
        let key = state.issue_code("session-key");
        state.keys.insert(user.clone(), key.clone());
        SessionKey::new(key.into())
    }

    fn has_key(&self, user: &Subject, key: &SessionKey) -> bool {
        self.state().keys.get(user).is_some_and(|current| current == key.expose())
    }
}

#[async_trait]
impl SessionKeyOperations for MemoryProvider {
    fn decrypt_phone(&self, key: &SessionKey, data: &EncryptedData) -> Option<PhoneNumber> {
        let text = str::from_utf8(&data.ciphertext).ok()?.strip_prefix(key.expose())?;
        let (country_code, national) = text.strip_prefix(' ')?.split_once(' ')?;
        PhoneNumber::new(country_code.parse().ok()?, national).ok()
    }

    fn is_signed(&self, key: &SessionKey, raw_data: &str, claimed: &str) -> bool {
        claimed == signature(key.expose(), raw_data)
    }

    async fn is_current(&self, user: &Subject, key: &SessionKey) -> Result<bool, ProviderError> {
        self.state().receive(MemoryCall::Session)?;
        Ok(self.has_key(user, key))
    }

    async fn rotate(
        &self,
        user: &Subject,
        key: &SessionKey,
    ) -> Result<Option<SessionKey>, ProviderError> {
        self.state().receive(MemoryCall::Session)?;
        Ok(self.has_key(user, key).then(|| self.rotate_key(user)))
    }
}
