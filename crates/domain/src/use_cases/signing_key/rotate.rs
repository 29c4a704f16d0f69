//! Keep the keys that sign access tokens in order, and change them at an operator's word.

use std::sync::Arc;

use crate::model::audit::AuditKind;
use crate::model::signing_key::GeneratedKey;
use crate::model::signing_key::{KeyChange, KeyPolicy, KeyState, SigningKey, SigningKeys};
use crate::model::timestamp::Timestamp;
use crate::ports::signing_keys::{GenerateKeyError, KeyGenerator};
use crate::ports::store::error::StoreError;
use crate::ports::store::signing_keys::SigningKeyReader;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::retry::retry_on_contention;

/// The use cases.
pub struct RotateKeys {
    /// Where keys are kept.
    pub store: Arc<dyn Store>,
    /// Signing keys.
    pub signing_keys: Arc<dyn SigningKeyReader>,
    /// What makes them.
    pub generator: Arc<dyn KeyGenerator>,
    /// What makes events, and knows the time.
    pub events: EventFactory,
    /// When they change.
    pub policy: KeyPolicy,
}

/// Why the keys are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RotateKeysError {
    /// There is no such key.
    #[error("there is no such key")]
    NotFound,
    /// No key could be made.
    #[error(transparent)]
    Generate(#[from] GenerateKeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an operator wants done to the keys as they are.
type KeyOperation<'a> =
    dyn Fn(&SigningKeys, Timestamp) -> Result<Vec<KeyChange<'_>>, RotateKeysError> + Sync + 'a;

impl RotateKeys {
    /// The keys as they are, for those who only look.
    pub async fn list(&self) -> Result<SigningKeys, StoreError> {
        Ok(SigningKeys(self.signing_keys.signing_keys().await?))
    }

    /// Does what is due, if anything is, and tells which keys there are then. To be called every
    /// second: what it costs is one read.
    pub async fn rotate_if_due(&self) -> Result<SigningKeys, RotateKeysError> {
        let keys = self.list().await?;
        match keys.due(&self.policy, self.events.clock.now()) {
            Some(_) => self.change(&|_, _| Ok(Vec::new())).await,
            None => Ok(keys),
        }
    }

    /// Lets the next key sign, as soon as all who check tokens can know it.
    pub async fn rotate(&self) -> Result<SigningKeys, RotateKeysError> {
        self.change(&|keys, now| {
            let next = keys.next(now).zip(keys.may_rotate_at(&self.policy, now));
            Ok(next.map(|(key, at)| KeyChange::Start { key, at }).into_iter().collect())
        })
        .await
    }

    /// Believes no token of this key any more. If it signs, the next one does from now on; sessions
    /// last, and get tokens of that one with their next refresh.
    pub async fn revoke(&self, id: &str) -> Result<SigningKeys, RotateKeysError> {
        self.change(&|keys, now| {
            let key = keys.0.iter().find(|key| key.id == id).ok_or(RotateKeysError::NotFound)?;
            let remove = KeyChange::Remove { key };
            Ok(match keys.state(key, now) {
                // First, lest the key before it sign again.
                KeyState::Current => vec![keys.promote_next(now), remove],
                KeyState::Next | KeyState::Previous => vec![remove],
            })
        })
        .await
    }

    /// Makes the change that `order` asks for, and with it all that is due.
    async fn change(&self, order: &KeyOperation<'_>) -> Result<SigningKeys, RotateKeysError> {
        retry_on_contention(|| self.try_change(order)).await
    }

    async fn try_change(&self, order: &KeyOperation<'_>) -> Result<SigningKeys, RotateKeysError> {
        let now = self.events.clock.now();
        let work = self.store.begin().await?;
        let keys = SigningKeys(work.signing_keys().all().await?);
        for ordered in order(&keys, now)? {
            self.apply(work.as_ref(), ordered, now).await?;
        }
        let keys = self.apply_due(work.as_ref(), now).await?;
        work.commit().await?;
        Ok(keys)
    }

    /// Does what is due until nothing is.
    async fn apply_due(
        &self,
        work: &dyn UnitOfWork,
        now: Timestamp,
    ) -> Result<SigningKeys, RotateKeysError> {
        loop {
            let keys = SigningKeys(work.signing_keys().all().await?);
            match keys.due(&self.policy, now) {
                Some(change) => self.apply(work, change, now).await?,
                None => return Ok(keys),
            }
        }
    }

    async fn apply(
        &self,
        work: &dyn UnitOfWork,
        change: KeyChange<'_>,
        now: Timestamp,
    ) -> Result<(), RotateKeysError> {
        let kept = work.signing_keys();
        let (kind, id) = match change {
            KeyChange::Add { number, signs_from } => {
                let GeneratedKey { id, sealed } = self.generator.generate()?;
                let key =
                    SigningKey { number, id, sealed, created_at: now, active_from: signs_from };
                // Of instances that make the same change at once, one does.
                kept.add(&key).await.map_err(StoreError::from)?;
                (AuditKind::SigningKeyAdded, key.id)
            }
            KeyChange::Start { key, at } => {
                kept.start(&key.id, at).await?;
                (AuditKind::SigningKeyStarted, key.id.clone())
            }
            KeyChange::Remove { key } => {
                kept.remove(&key.id).await?;
                (AuditKind::SigningKeyRemoved, key.id.clone())
            }
        };
        Ok(work.audit().record(&self.events.event(kind).with_detail(id)).await?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::model::clock::MockClock;
    use crate::model::random::MockRandom;
    use crate::ports::request_context::MockRequestContext;
    use crate::ports::signing_keys::MockKeyGenerator;
    use crate::ports::store::error::AddError;
    use crate::ports::store::signing_keys::MockSigningKeyReader;
    use crate::ports::store::signing_keys::MockSigningKeyRepository;
    use crate::ports::store::signing_keys::SigningKeyRepository;
    use crate::ports::store::{MockStore, MockUnitOfWork};
    use crate::use_cases::retry::MAX_ATTEMPTS;

    /// The use cases over an empty store; each unit of work comes from `begin`.
    fn rotate_keys(begin: impl Fn() -> MockUnitOfWork + Send + Sync + 'static) -> RotateKeys {
        let mut store = MockStore::new();
        let mut signing_keys = MockSigningKeyReader::new();
        store.expect_begin().returning(move || Ok(Box::new(begin())));
        signing_keys.expect_signing_keys().returning(|| Ok(Vec::new()));
        let mut clock = MockClock::new();
        let mut generator = MockKeyGenerator::new();
        clock.expect_now().returning(|| Timestamp::from_unix_millis(0));
        generator
            .expect_generate()
            .returning(|| Ok(GeneratedKey { id: "key".into(), sealed: Vec::new() }));
        RotateKeys {
            store: Arc::new(store),
            signing_keys: Arc::new(signing_keys),
            generator: Arc::new(generator),
            events: EventFactory {
                clock: Arc::new(clock),
                random: Arc::new(MockRandom::new()),
                requests: Arc::new(MockRequestContext::new()),
            },
            policy: KeyPolicy {
                lifetime: None,
                prepublish: Duration::from_secs(1),
                access_ttl: Duration::from_secs(1),
            },
        }
    }

    /// A unit of work without keys that adds none; a commit would panic.
    fn refusing(refusal: fn() -> AddError) -> MockUnitOfWork {
        let mut kept = MockSigningKeyRepository::new();
        let mut unit = MockUnitOfWork::new();
        kept.expect_all().returning(|| Ok(Vec::new()));
        kept.expect_add().returning(move |_| Err(refusal()));
        unit.expect_signing_keys().return_const(Box::new(kept) as Box<dyn SigningKeyRepository>);
        unit
    }

    #[tokio::test]
    async fn a_race_is_run_again_so_often_and_then_given_up() {
        let begun = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&begun);
        let rotate_keys = rotate_keys(move || {
            count.fetch_add(1, Ordering::SeqCst);
            refusing(|| AddError::Taken)
        });
        assert!(matches!(rotate_keys.rotate_if_due().await, Err(RotateKeysError::Store(_))));
        assert_eq!(begun.load(Ordering::SeqCst), MAX_ATTEMPTS);
    }

    #[tokio::test]
    async fn a_store_that_fails_changes_nothing() {
        let rotate_keys = rotate_keys(|| refusing(|| StoreError::new("down").into()));
        for outcome in [rotate_keys.rotate_if_due().await, rotate_keys.rotate().await] {
            assert!(matches!(outcome, Err(RotateKeysError::Store(_))), "{outcome:?}");
        }
    }
}
