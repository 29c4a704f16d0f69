//! Rotation and revocation of the keys that sign access tokens.

use std::sync::Arc;

use crate::model::audit::AuditKind;
use crate::model::clock::Clock;
use crate::model::signing_key::{
    GeneratedKey, KeyChange, KeyPolicy, KeyState, SigningKey, SigningKeys,
};
use crate::model::timestamp::Timestamp;
use crate::ports::signing_keys::{GenerateKeyError, KeyGenerator};
use crate::ports::store::error::StoreError;
use crate::ports::store::signing_keys::SigningKeyReader;
use crate::ports::store::{Store, UnitOfWork};
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::retry::retry_on_contention;

/// Rotates and revokes signing keys.
pub struct RotateKeys {
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Signing keys.
    pub signing_keys: Arc<dyn SigningKeyReader>,
    /// Generator of key pairs.
    pub generator: Arc<dyn KeyGenerator>,
    /// Event factory.
    pub events: EventFactory,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Lifetime of the keys.
    pub policy: KeyPolicy,
}

/// Reason why the keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateKeysError {
    /// The key does not exist.
    #[error("there is no such key")]
    NotFound,
    /// No key pair could be generated.
    #[error(transparent)]
    Generate(#[from] GenerateKeyError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Operation of an operator: the changes of the current keys.
type KeyOperation<'a> =
    dyn Fn(&SigningKeys, Timestamp) -> Result<Vec<KeyChange<'_>>, RotateKeysError> + Sync + 'a;

impl RotateKeys {
    /// Returns all keys.
    pub async fn list(&self) -> Result<SigningKeys, StoreError> {
        Ok(SigningKeys(self.signing_keys.signing_keys().await?))
    }

    /// Makes the changes that are due and returns the keys afterwards. Each instance runs it every second;
    /// if nothing is due, it costs one read.
    pub async fn rotate_if_due(&self) -> Result<SigningKeys, RotateKeysError> {
        let keys = self.list().await?;
        let now = self.clock.now();
        if keys.due_change(&self.policy, now).is_none() {
            return Ok(keys);
        }
        self.change(now, &|_, _| Ok(Vec::new())).await
    }

    /// Rotates to the next key, as soon as it has been published long enough.
    pub async fn rotate(&self) -> Result<SigningKeys, RotateKeysError> {
        self.change(self.clock.now(), &|keys, now| {
            let next = keys.next(now).zip(keys.earliest_rotation(&self.policy, now));
            Ok(next.map(|(key, at)| KeyChange::Start { key, at }).into_iter().collect())
        })
        .await
    }

    /// Revokes a key: its tokens are rejected.
    ///
    /// If it is the current key, the next one signs at once. Sessions continue and get tokens of that key
    /// with their next refresh.
    pub async fn revoke(&self, id: &str) -> Result<SigningKeys, RotateKeysError> {
        self.change(self.clock.now(), &|keys, now| {
            let key = keys.0.iter().find(|key| key.id == id).ok_or(RotateKeysError::NotFound)?;
            let remove = KeyChange::Remove { key };
            Ok(match keys.state(key, now) {
                // In this order, because otherwise the previous key would sign again.
                KeyState::Current => vec![keys.promote_next(now), remove],
                KeyState::Next | KeyState::Previous => vec![remove],
            })
        })
        .await
    }

    /// Executes the operation, followed by the changes that are due.
    async fn change(
        &self,
        now: Timestamp,
        operation: &KeyOperation<'_>,
    ) -> Result<SigningKeys, RotateKeysError> {
        retry_on_contention(|| self.try_change(now, operation)).await
    }

    async fn try_change(
        &self,
        now: Timestamp,
        operation: &KeyOperation<'_>,
    ) -> Result<SigningKeys, RotateKeysError> {
        let work = self.store.begin().await?;
        let keys = SigningKeys(work.signing_keys().all().await?);
        for change in operation(&keys, now)? {
            self.apply(work.as_ref(), change, now).await?;
        }
        let keys = self.apply_due(work.as_ref(), now).await?;
        work.commit().await?;
        Ok(keys)
    }

    /// Applies due changes until there are none.
    async fn apply_due(
        &self,
        work: &dyn UnitOfWork,
        now: Timestamp,
    ) -> Result<SigningKeys, RotateKeysError> {
        loop {
            let keys = SigningKeys(work.signing_keys().all().await?);
            match keys.due_change(&self.policy, now) {
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
        let keys = work.signing_keys();
        let (kind, id) = match change {
            KeyChange::Add { number, active_from } => {
                let GeneratedKey { id, sealed } = self.generator.generate()?;
                let key = SigningKey { number, id, sealed, created_at: now, active_from };
                // If several instances make the same change, the number is taken for all but one.
                keys.add(&key).await.map_err(StoreError::from)?;
                (AuditKind::SigningKeyAdded, key.id)
            }
            KeyChange::Start { key, at } => {
                keys.start(&key.id, at).await?;
                (AuditKind::SigningKeyStarted, key.id.clone())
            }
            KeyChange::Remove { key } => {
                keys.remove(&key.id).await?;
                (AuditKind::SigningKeyRemoved, key.id.clone())
            }
        };
        let event = self.events.audit_event(kind, now).with_detail(id);
        Ok(work.audit().record(&event).await?)
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

    /// Returns the use case over an empty store, with units of work from `begin`.
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
                random: Arc::new(MockRandom::new()),
                request_context: Arc::new(MockRequestContext::new()),
            },
            clock: Arc::new(clock),
            policy: KeyPolicy {
                lifetime: None,
                prepublish: Duration::from_secs(1),
                access_ttl: Duration::from_secs(1),
            },
        }
    }

    /// Returns a unit of work without keys that fails to add one. A commit would panic.
    fn failing(failure: fn() -> AddError) -> MockUnitOfWork {
        let mut keys = MockSigningKeyRepository::new();
        let mut unit = MockUnitOfWork::new();
        keys.expect_all().returning(|| Ok(Vec::new()));
        keys.expect_add().returning(move |_| Err(failure()));
        unit.expect_signing_keys().return_const(Box::new(keys) as Box<dyn SigningKeyRepository>);
        unit
    }

    #[tokio::test]
    async fn contention_of_instances_is_retried_up_to_max_attempts() {
        let begins = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&begins);
        let rotate_keys = rotate_keys(move || {
            count.fetch_add(1, Ordering::SeqCst);
            failing(|| AddError::Taken)
        });
        assert!(matches!(rotate_keys.rotate_if_due().await, Err(RotateKeysError::Store(_))));
        assert_eq!(begins.load(Ordering::SeqCst), MAX_ATTEMPTS);
    }

    #[tokio::test]
    async fn store_failure_changes_no_key() {
        let rotate_keys = rotate_keys(|| failing(|| StoreError::new("down").into()));
        for outcome in [rotate_keys.rotate_if_due().await, rotate_keys.rotate().await] {
            assert!(matches!(outcome, Err(RotateKeysError::Store(_))), "{outcome:?}");
        }
    }
}
