//! Fake password hasher.

use async_trait::async_trait;
use domain::model::admin::{AdminPassword, PasswordHash};
use domain::ports::passwords::{HashError, PasswordHasher};

/// Stores passwords in plaintext. For tests only.
#[derive(Debug, Default)]
pub struct MemoryPasswords;

#[async_trait]
impl PasswordHasher for MemoryPasswords {
    async fn hash(&self, password: &AdminPassword) -> Result<PasswordHash, HashError> {
        Ok(PasswordHash(format!("plain:{}", password.expose())))
    }

    async fn verify(
        &self,
        password: &AdminPassword,
        hash: &PasswordHash,
    ) -> Result<bool, HashError> {
        Ok(self.hash(password).await? == *hash)
    }

    fn dummy_hash(&self) -> PasswordHash {
        PasswordHash("nothing".to_owned())
    }
}
