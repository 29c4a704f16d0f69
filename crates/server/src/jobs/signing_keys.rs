//! Signing key rotation: keeps the keys in use equal to the stored keys.

use std::sync::{Arc, Mutex, PoisonError};

use adapters::store::SeaStore;
use adapters::system::SystemClock;
use adapters::token::Es256Tokens;
use adapters::token::key_vault::KeyVault;
use anyhow::Context;
use domain::model::clock::Clock;
use domain::model::signing_key::{KeyState, SigningKeys};
use domain::model::timestamp::Timestamp;
use domain::use_cases::signing_key::rotate::RotateKeys;

use crate::config::Config;
use crate::wiring;

/// Rotates the signing keys in the store and loads the changes of all instances.
pub struct SigningKeyManager {
    rotate_keys: RotateKeys,
    vault: KeyVault,
    tokens: Arc<Es256Tokens>,
    active: Mutex<ActiveKeyIds>,
}

/// Ids of the keys in use; the first one signs.
#[derive(PartialEq, Eq)]
struct ActiveKeyIds(Vec<String>);

impl SigningKeyManager {
    /// Loads the keys from the store, and creates them on the very first start.
    ///
    /// # Errors
    /// When no key can sign: the store failed, or a key cannot be decrypted.
    pub async fn start(config: &Config, store: &Arc<SeaStore>) -> anyhow::Result<Self> {
        let vault = wiring::key_vault(config)?;
        let rotate_keys = wiring::rotate_keys(config, store, &vault);
        let keys = rotate_keys.rotate_if_due().await.context("the signing keys cannot be read")?;
        let now = SystemClock.now();
        let tokens = Arc::new(wiring::tokens(config, vault.ring(&keys, now)?)?);
        let active = Mutex::new(ActiveKeyIds::new(&keys, now));
        Ok(Self { rotate_keys, vault, tokens, active })
    }

    /// The issuer and verifier of tokens, always with the keys in use.
    #[must_use]
    pub fn tokens(&self) -> &Arc<Es256Tokens> {
        &self.tokens
    }

    /// Rotates the keys where it is due and loads them if they have changed.
    ///
    /// # Errors
    /// When the store failed or a key cannot be decrypted; the keys in use stay.
    pub async fn refresh(&self) -> anyhow::Result<()> {
        let keys = self.rotate_keys.rotate_if_due().await?;
        let now = SystemClock.now();
        let stored = ActiveKeyIds::new(&keys, now);
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if stored != *active {
            self.tokens.replace_keys(self.vault.ring(&keys, now)?);
            tracing::info!(keys = ?stored.0, "signing keys changed; the first one signs");
            *active = stored;
        }
        Ok(())
    }
}

impl ActiveKeyIds {
    fn new(keys: &SigningKeys, now: Timestamp) -> Self {
        let mut keys: Vec<_> = keys.0.iter().map(|key| (keys.state(key, now), &key.id)).collect();
        keys.sort_by_key(|(state, _)| *state != KeyState::Current);
        Self(keys.into_iter().map(|(_, id)| id.clone()).collect())
    }
}
