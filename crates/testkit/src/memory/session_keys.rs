//! Sealed session keys in memory.

use async_trait::async_trait;
use domain::model::provider::session_key::SealedSessionKey;
use domain::ports::store::error::{Contention, StoreError};
use domain::ports::store::session_keys::SessionKeyRepository;

use crate::memory::unit_of_work::MemoryUnitOfWork;

#[async_trait]
impl SessionKeyRepository for MemoryUnitOfWork {
    async fn upsert(&self, key: &SealedSessionKey) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.identities.iter().any(|(_, known)| *known == key.user) {
            return Err(Contention::new("the identity does not exist").into());
        }
        state.session_keys.insert(key.user.clone(), key.clone());
        Ok(())
    }
}
