//! Keeps the signing keys in order while the program serves, and tells it of every change.

use std::sync::Arc;
use std::time::Duration;

use adapters::store::SeaStore;
use adapters::system::SystemClock;
use adapters::token::Es256Tokens;
use adapters::token::key_vault::KeyVault;
use anyhow::Context;
use domain::model::clock::Clock;
use domain::model::signing_key::{KeyState, SigningKeys};
use domain::model::timestamp::Timestamp;
use domain::use_cases::signing_key::rotate::RotateKeys;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::Config;
use crate::wiring;

/// How often an instance looks for what another one changed.
const PERIOD: Duration = Duration::from_secs(1);

/// The keys in the store and those in use.
pub struct KeyKeeper {
    rotate_keys: RotateKeys,
    vault: KeyVault,
    tokens: Arc<Es256Tokens>,
    in_use: InUse,
}

/// The names of the keys in use, the one that signs first.
#[derive(PartialEq, Eq)]
struct InUse(Vec<String>);

impl KeyKeeper {
    /// Takes the keys into use that are in the store, after making them at the very first start.
    ///
    /// # Errors
    /// When there is no key that signs: the store fails, or the key does not open.
    pub async fn start(config: &Config, store: &Arc<SeaStore>) -> anyhow::Result<Self> {
        let vault = wiring::key_vault(config)?;
        let rotate_keys = wiring::rotate_keys(config, store, &vault);
        let keys = rotate_keys.rotate_if_due().await.context("the signing keys cannot be read")?;
        let now = SystemClock.now();
        let tokens = Arc::new(wiring::tokens(config, vault.ring(&keys, now)?)?);
        Ok(Self { rotate_keys, vault, tokens, in_use: InUse::of(&keys, now) })
    }

    /// What issues and checks tokens, always with the keys in use.
    #[must_use]
    pub fn tokens(&self) -> &Arc<Es256Tokens> {
        &self.tokens
    }

    /// Tends the keys until it is dropped. While that fails, the last ones stay in use.
    pub async fn run(mut self) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failing = false;
        loop {
            ticks.tick().await;
            let outcome = self.tend().await;
            match &outcome {
                Err(error) if !failing => {
                    tracing::error!(error = format!("{error:#}"), "signing keys cannot be tended");
                }
                Ok(()) if failing => tracing::info!("signing keys are tended again"),
                Ok(()) | Err(_) => {}
            }
            failing = outcome.is_err();
        }
    }

    async fn tend(&mut self) -> anyhow::Result<()> {
        let keys = self.rotate_keys.rotate_if_due().await?;
        let now = SystemClock.now();
        let wanted = InUse::of(&keys, now);
        if wanted != self.in_use {
            self.tokens.replace_keys(self.vault.ring(&keys, now)?);
            tracing::info!(keys = ?wanted.0, "signing keys have changed; the first one signs");
            self.in_use = wanted;
        }
        Ok(())
    }
}

impl InUse {
    fn of(keys: &SigningKeys, now: Timestamp) -> Self {
        let mut keys: Vec<_> = keys.0.iter().map(|key| (keys.state(key, now), &key.id)).collect();
        keys.sort_by_key(|(state, _)| *state != KeyState::Current);
        Self(keys.into_iter().map(|(_, id)| id.clone()).collect())
    }
}
