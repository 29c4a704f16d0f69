//! Keep the keys that sign access tokens in order, and change them at an operator's word.

use std::sync::Arc;

use crate::ports::clock::Clock;
use crate::ports::store::{AddError, SigningKeyDirectory, SigningKeyRepository, Store, StoreError};
use crate::ports::tokens::{GenerateKeyError, GeneratedKey, KeyGenerator};
use crate::signing_key::{KeyChange, KeyPolicy, SigningKey, SigningKeys};
use crate::timestamp::Timestamp;

/// How often a change is tried anew after another instance made one first.
const ATTEMPTS: u32 = 5;

/// The use cases.
pub struct RotateKeys {
    /// Where keys are kept.
    pub store: Arc<dyn Store>,
    /// Where they are looked up.
    pub directory: Arc<dyn SigningKeyDirectory>,
    /// What makes them.
    pub generator: Arc<dyn KeyGenerator>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When they change.
    pub policy: KeyPolicy,
}

/// Why the keys are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RotateKeysError {
    /// There is no such key.
    #[error("there is no such key; `menshen keys list` tells which there are")]
    NotFound,
    /// Others were faster, time and again.
    #[error("the change lost a race {ATTEMPTS} times")]
    Contended,
    /// No key could be made.
    #[error(transparent)]
    Generate(#[from] GenerateKeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an operator wants done to the keys as they are.
type Order<'a> =
    dyn Fn(&SigningKeys, Timestamp) -> Result<Option<KeyChange<'_>>, RotateKeysError> + Sync + 'a;

impl RotateKeys {
    /// The keys as they are, for those who only look.
    pub async fn list(&self) -> Result<SigningKeys, StoreError> {
        Ok(SigningKeys(self.directory.signing_keys().await?))
    }

    /// Does what is due, if anything is, and tells which keys there are then. To be called every
    /// second: what it costs is one read.
    pub async fn tend(&self) -> Result<SigningKeys, RotateKeysError> {
        let keys = self.list().await?;
        match keys.due(&self.policy, self.clock.now()) {
            Some(_) => self.change(&|_, _| Ok(None)).await,
            None => Ok(keys),
        }
    }

    /// Lets the next key sign, as soon as all who check tokens can know it.
    pub async fn rotate(&self) -> Result<SigningKeys, RotateKeysError> {
        self.change(&|keys, now| {
            let next = keys.next(now).zip(keys.may_rotate_at(&self.policy, now));
            Ok(next.map(|(next, at)| KeyChange::Start { key: next, at }))
        })
        .await
    }

    /// Believes no token of this key any more. If it signs, the next one does from now on; sessions
    /// last, and get tokens of that one with their next refresh.
    pub async fn revoke(&self, id: &str) -> Result<SigningKeys, RotateKeysError> {
        self.change(&|keys, _| {
            let key = keys.0.iter().find(|key| key.id == id).ok_or(RotateKeysError::NotFound)?;
            Ok(Some(KeyChange::Remove { key }))
        })
        .await
    }

    /// Makes the change that `order` asks for, and with it all that is due.
    async fn change(&self, order: &Order<'_>) -> Result<SigningKeys, RotateKeysError> {
        for _ in 1..ATTEMPTS {
            match self.try_to_change(order).await {
                Err(RotateKeysError::Contended) => {}
                outcome => return outcome,
            }
        }
        self.try_to_change(order).await
    }

    async fn try_to_change(&self, order: &Order<'_>) -> Result<SigningKeys, RotateKeysError> {
        let now = self.clock.now();
        let work = self.store.begin().await?;
        let keys = SigningKeys(work.signing_keys().all().await?);
        if let Some(ordered) = order(&keys, now)? {
            self.carry_out(work.signing_keys(), ordered, now).await?;
        }
        let keys = self.settle(work.signing_keys(), now).await?;
        work.commit().await?;
        Ok(keys)
    }

    /// Does what is due until nothing is.
    async fn settle(
        &self,
        kept: &dyn SigningKeyRepository,
        now: Timestamp,
    ) -> Result<SigningKeys, RotateKeysError> {
        loop {
            let keys = SigningKeys(kept.all().await?);
            match keys.due(&self.policy, now) {
                Some(change) => self.carry_out(kept, change, now).await?,
                None => return Ok(keys),
            }
        }
    }

    async fn carry_out(
        &self,
        kept: &dyn SigningKeyRepository,
        change: KeyChange<'_>,
        now: Timestamp,
    ) -> Result<(), RotateKeysError> {
        match change {
            KeyChange::Add { number, signs_from } => {
                let GeneratedKey { id, sealed } = self.generator.generate()?;
                let key = SigningKey { number, id, sealed, created_at: now, signs_from };
                kept.add(&key).await.map_err(|error| match error {
                    AddError::Taken => RotateKeysError::Contended,
                    AddError::Store(error) => error.into(),
                })
            }
            KeyChange::Start { key, at } => Ok(kept.start(&key.id, at).await?),
            KeyChange::Remove { key } => Ok(kept.remove(&key.id).await?),
        }
    }
}
