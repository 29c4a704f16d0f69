//! Signing keys in memory.

use async_trait::async_trait;
use domain::model::signing_key::SigningKey;
use domain::model::timestamp::Timestamp;
use domain::ports::store::error::{AddError, StoreError};
use domain::ports::store::signing_keys::{SigningKeyReader, SigningKeyRepository};

use crate::memory::MemoryStore;
use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl SigningKeyRepository for MemoryUnitOfWork {
    async fn all(&self) -> Result<Vec<SigningKey>, StoreError> {
        Ok(self.state().signing_keys.values().cloned().collect())
    }

    async fn add(&self, key: &SigningKey) -> Result<(), AddError> {
        let mut state = self.state();
        if state.signing_keys.contains_key(&key.number) {
            return Err(AddError::Taken);
        }
        state.signing_keys.insert(key.number, key.clone());
        Ok(())
    }

    async fn start(&self, id: &str, at: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        for key in state.signing_keys.values_mut().filter(|key| key.id == id) {
            key.active_from = Some(key.active_from.map_or(at, |earlier| earlier.min(at)));
        }
        Ok(())
    }

    async fn remove(&self, id: &str) -> Result<(), StoreError> {
        self.state().signing_keys.retain(|_, key| key.id != id);
        Ok(())
    }
}

#[async_trait]
impl SigningKeyReader for MemoryStore {
    async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        Ok(self.committed.lock().unwrap().signing_keys.values().cloned().collect())
    }
}
