//! Signing keys at rest: generates and seals keys, and opens stored keys into a key ring.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use domain::model::signing_key::GeneratedKey;
use domain::model::signing_key::{SigningKey, SigningKeys};
use domain::model::timestamp::Timestamp;
use domain::ports::signing_keys::{GenerateKeyError, KeyGenerator};
use secrecy::zeroize::Zeroizing;

use super::key_ring::KeyRing;
use super::keys::{InvalidSigningKey, SigningKeyPair};
use crate::crypto::sealer::{OpenError, SealContext, Sealer};

/// Generates and opens sealed signing keys.
#[derive(Clone, Debug)]
pub struct KeyVault(Arc<Sealer>);

/// Error of opening a stored signing key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The key cannot be opened: it was sealed with another sealing key, or the row was modified.
    #[error("signing key {id} does not open: is `sealing.key` the one it was sealed with?")]
    Open {
        /// Key id.
        id: String,
        /// Error of the sealer.
        source: OpenError,
    },
    /// The opened value is not a private key.
    #[error("signing key {id} is not a valid private key")]
    InvalidKey {
        /// Key id.
        id: String,
        /// Error of parsing the key.
        source: InvalidSigningKey,
    },
    /// The id in the row is not the thumbprint of the key.
    #[error("signing key {0} does not match its id")]
    IdMismatch(String),
    /// No key is due for signing.
    #[error("there is no current signing key")]
    NoCurrentKey,
}

impl KeyVault {
    /// Creates the vault with the keys of `sealer`.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>) -> Self {
        Self(sealer)
    }

    /// Opens the keys into a ring: the current key signs, and tokens of all keys are accepted.
    ///
    /// A key that cannot be opened is logged and left out, so that the other keys can still be managed. Without
    /// the current key there is no ring.
    pub fn ring(&self, keys: &SigningKeys, now: Timestamp) -> Result<KeyRing, VaultError> {
        let current = keys.current(now).ok_or(VaultError::NoCurrentKey)?;
        let mut ring = KeyRing::new(self.open(current)?);
        for other in keys.0.iter().filter(|key| key.number != current.number) {
            match self.open(other) {
                Ok(key) => ring = ring.with_verification_key(key),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "signing key cannot be opened, its tokens are rejected");
                }
            }
        }
        Ok(ring)
    }

    fn open(&self, key: &SigningKey) -> Result<SigningKeyPair, VaultError> {
        let id = || key.id.clone();
        let pair = SigningKeyPair::from_pkcs8(&unseal(&self.0, key)?);
        let pair = pair.map_err(|source| VaultError::InvalidKey { id: id(), source })?;
        if pair.published.id != key.id {
            return Err(VaultError::IdMismatch(id()));
        }
        Ok(pair)
    }
}

impl KeyGenerator for KeyVault {
    fn generate(&self) -> Result<GeneratedKey, GenerateKeyError> {
        let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(|error| GenerateKeyError(error.into()))?;
        let pair = SigningKeyPair::from_pkcs8(pkcs8.as_ref());
        let id = pair.map_err(|error| GenerateKeyError(error.into()))?.published.id;
        let sealed = self.0.seal(seal_context(&id), pkcs8.as_ref());
        Ok(GeneratedKey { id, sealed })
    }
}

/// Seals the private key with the current sealing key if a former one sealed it.
pub(crate) fn reseal(sealer: &Sealer, key: &SigningKey) -> Result<Option<Vec<u8>>, VaultError> {
    if sealer.is_current(&key.sealed) {
        return Ok(None);
    }
    Ok(Some(sealer.seal(seal_context(&key.id), &unseal(sealer, key)?)))
}

fn unseal(sealer: &Sealer, key: &SigningKey) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let opened = sealer.open(seal_context(&key.id), &key.sealed);
    opened.map_err(|source| VaultError::Open { id: key.id.clone(), source })
}

/// Context of a signing key: it opens with its own id only.
fn seal_context(id: &str) -> SealContext<'_> {
    SealContext { table: "signing_key", column: "sealed", row: id.as_bytes() }
}
