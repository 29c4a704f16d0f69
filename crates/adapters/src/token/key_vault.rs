//! Signing keys at rest: made and sealed here, and opened to form a ring.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use domain::model::signing_key::GeneratedKey;
use domain::model::signing_key::{SigningKey, SigningKeys};
use domain::model::timestamp::Timestamp;
use domain::ports::signing_keys::{GenerateKeyError, KeyGenerator};
use secrecy::zeroize::Zeroizing;

use super::key_ring::KeyRing;
use super::keys::{NoSigningPair, SigningPair};
use crate::crypto::sealer::{OpenError, Place, Sealer};

/// Seals new keys and opens those that were sealed.
#[derive(Clone, Debug)]
pub struct KeyVault(Arc<Sealer>);

/// Why a stored key is of no use.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// It does not open: the sealing key is another one, or somebody changed the row.
    #[error("signing key {id} does not open: is `sealing.key` the one it was sealed with?")]
    Sealed {
        /// Its name.
        id: String,
        /// What is wrong.
        source: OpenError,
    },
    /// What was sealed is no key.
    #[error("signing key {id} is none")]
    NoSigningPair {
        /// Its name.
        id: String,
        /// What is wrong.
        source: NoSigningPair,
    },
    /// It is a key, but another one than it is called.
    #[error("signing key {0} is another key than its name says")]
    Misnamed(String),
    /// There is no key that signs.
    #[error("no key signs")]
    NoneSigns,
}

impl KeyVault {
    /// Seals and opens with this.
    #[must_use]
    pub fn new(sealer: Arc<Sealer>) -> Self {
        Self(sealer)
    }

    /// The ring of these keys: the current one signs, all are accepted.
    ///
    /// A key that does not open is left out and told to the log, so that the others can still be
    /// changed; without the current one there is no ring.
    pub fn ring(&self, keys: &SigningKeys, now: Timestamp) -> Result<KeyRing, VaultError> {
        let current = keys.current(now).ok_or(VaultError::NoneSigns)?;
        let mut ring = KeyRing::new(self.open(current)?);
        for other in keys.0.iter().filter(|key| key.number != current.number) {
            match self.open(other) {
                Ok(key) => ring = ring.also_accepting(key),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(error, "tokens of a signing key are not accepted");
                }
            }
        }
        Ok(ring)
    }

    fn open(&self, key: &SigningKey) -> Result<SigningPair, VaultError> {
        let id = || key.id.clone();
        let pair = SigningPair::from_pkcs8(&unseal(&self.0, key)?);
        let pair = pair.map_err(|source| VaultError::NoSigningPair { id: id(), source })?;
        if pair.published.id == key.id { Ok(pair) } else { Err(VaultError::Misnamed(id())) }
    }
}

impl KeyGenerator for KeyVault {
    fn generate(&self) -> Result<GeneratedKey, GenerateKeyError> {
        let pkcs8 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .and_then(|pair| pair.to_pkcs8v1())
            .map_err(|error| GenerateKeyError(error.into()))?;
        let pair = SigningPair::from_pkcs8(pkcs8.as_ref());
        let id = pair.map_err(|error| GenerateKeyError(error.into()))?.published.id;
        let sealed = self.0.seal(place(&id), pkcs8.as_ref());
        Ok(GeneratedKey { id, sealed })
    }
}

/// The private half sealed anew, if a former key sealed it.
pub(crate) fn reseal(sealer: &Sealer, key: &SigningKey) -> Result<Option<Vec<u8>>, VaultError> {
    if sealer.is_current(&key.sealed) {
        return Ok(None);
    }
    Ok(Some(sealer.seal(place(&key.id), &unseal(sealer, key)?)))
}

fn unseal(sealer: &Sealer, key: &SigningKey) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let opened = sealer.open(place(&key.id), &key.sealed);
    opened.map_err(|source| VaultError::Sealed { id: key.id.clone(), source })
}

/// A sealed key opens under its own name only.
fn place(id: &str) -> Place<'_> {
    Place { table: "signing_key", column: "sealed", row: id.as_bytes() }
}
