//! Hashing of administrators' passwords with Argon2id.

use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier as _};
use async_trait::async_trait;
use domain::model::admin::{AdminPassword, PasswordHash};
use domain::ports::passwords::{HashError, PasswordHasher};
use secrecy::zeroize::Zeroizing;
use tokio::sync::Semaphore;

/// Maximum number of concurrent hash computations. Each one takes 19 MiB and occupies a processor that would
/// otherwise serve members.
const MAX_CONCURRENT: usize = 1;

/// Well-formed hash with the default parameters of the library. No password matches it.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Argon2id password hasher with the parameters that OWASP recommends: 19 MiB, two passes.
pub struct Argon2PasswordHasher {
    permits: Semaphore,
}

impl Default for Argon2PasswordHasher {
    fn default() -> Self {
        Self { permits: Semaphore::new(MAX_CONCURRENT) }
    }
}

impl Argon2PasswordHasher {
    /// Runs `work` on a blocking thread as soon as a permit is available.
    async fn run_blocking<T: Send + 'static>(
        &self,
        password: &AdminPassword,
        work: impl FnOnce(&[u8]) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, HashError> {
        let _permit = self.permits.acquire().await.map_err(hash_error)?;
        let password = Zeroizing::new(password.expose().to_owned());
        let result = tokio::task::spawn_blocking(move || work(password.as_bytes())).await;
        result.map_err(hash_error)?.map_err(hash_error)
    }
}

#[async_trait]
impl PasswordHasher for Argon2PasswordHasher {
    async fn hash(&self, password: &AdminPassword) -> Result<PasswordHash, HashError> {
        let hash = |password: &[u8]| Ok(Argon2::default().hash_password(password)?.to_string());
        self.run_blocking(password, hash).await.map(PasswordHash)
    }

    async fn verify(
        &self,
        password: &AdminPassword,
        hash: &PasswordHash,
    ) -> Result<bool, HashError> {
        let hash = phc::PasswordHash::new(&hash.0).map_err(hash_error)?;
        let verify = move |password: &[u8]| match Argon2::default().verify_password(password, &hash)
        {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error),
        };
        self.run_blocking(password, verify).await
    }

    fn dummy_hash(&self) -> PasswordHash {
        PasswordHash(DUMMY_HASH.to_owned())
    }
}

fn hash_error(error: impl std::error::Error + Send + Sync + 'static) -> HashError {
    HashError(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> AdminPassword {
        AdminPassword::parse(text).unwrap()
    }

    #[tokio::test]
    async fn hash_verifies_only_its_password() {
        let passwords = Argon2PasswordHasher::default();
        let hash = passwords.hash(&password("correct horse")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert!(passwords.verify(&password("correct horse"), &hash).await.unwrap());
        assert!(!passwords.verify(&password("correct horsf"), &hash).await.unwrap());
        let again = passwords.hash(&password("correct horse")).await.unwrap();
        assert_ne!(hash, again, "each hash has its own salt");
    }

    #[tokio::test]
    async fn dummy_hash_costs_the_same_and_matches_no_password() {
        let passwords = Argon2PasswordHasher::default();
        let dummy = passwords.dummy_hash();
        let any = password("any password");
        let hash = passwords.hash(&any).await.unwrap();
        let cost = |hash: &PasswordHash| {
            let hash = phc::PasswordHash::new(&hash.0).unwrap();
            (hash.algorithm, hash.version, hash.params, hash.hash.map(|hash| hash.len()))
        };
        assert_eq!(cost(&dummy), cost(&hash));
        assert!(!passwords.verify(&any, &dummy).await.unwrap());
    }

    #[tokio::test]
    async fn malformed_hash_is_an_error() {
        let passwords = Argon2PasswordHasher::default();
        let nonsense = PasswordHash("nonsense".to_owned());
        assert!(passwords.verify(&password("anything"), &nonsense).await.is_err());
    }
}
