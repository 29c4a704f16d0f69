//! Hashing of administrators' passwords with Argon2id.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier as _};
use async_trait::async_trait;
use domain::model::admin::{AdminPassword, PasswordHash};
use domain::ports::passwords::{HashError, PasswordHasher};
use secrecy::zeroize::Zeroizing;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Maximum number of concurrent hash computations. Each one takes 19 MiB and occupies a processor that would
/// otherwise serve members.
const MAX_CONCURRENT: usize = 1;

/// Maximum number of waiting hash computations. Each one takes about 50 ms, so that a sign-in waits for at
/// most half a second.
const MAX_WAITING: usize = 10;

/// Well-formed hash with the default parameters of the library. No password matches it.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Argon2id password hasher with the parameters that OWASP recommends: 19 MiB, two passes.
pub struct Argon2PasswordHasher {
    /// Permits to compute.
    computing: Arc<Semaphore>,
    /// Permits to compute or to wait for it.
    admitted: Arc<Semaphore>,
}

impl Default for Argon2PasswordHasher {
    fn default() -> Self {
        Self {
            computing: Arc::new(Semaphore::new(MAX_CONCURRENT)),
            admitted: Arc::new(Semaphore::new(MAX_CONCURRENT + MAX_WAITING)),
        }
    }
}

impl Argon2PasswordHasher {
    /// Runs `work` on a blocking thread as soon as a permit is available. Fails if too many computations
    /// wait for one.
    async fn run_blocking<T: Send + 'static>(
        &self,
        password: &AdminPassword,
        work: impl FnOnce(&[u8]) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, HashError> {
        let admitted =
            Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| HashError::Busy)?;
        let computing = Arc::clone(&self.computing).acquire_owned().await.map_err(hash_error)?;
        let password = Zeroizing::new(password.expose().to_owned());
        // The permits belong to the computation, which goes on if the caller is dropped.
        let permits: [OwnedSemaphorePermit; 2] = [admitted, computing];
        let compute = move || {
            let result = work(password.as_bytes());
            drop(permits);
            result
        };
        tokio::task::spawn_blocking(compute).await.map_err(hash_error)?.map_err(hash_error)
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
    HashError::Failed(Box::new(error))
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
    async fn waiting_computations_are_limited() {
        let passwords = Argon2PasswordHasher::default();
        let dummy = passwords.dummy_hash();
        let guess = password("a guess");
        let guesses = (0..100).map(|_| passwords.verify(&guess, &dummy));
        let outcomes = futures_util::future::join_all(guesses).await;
        let is_busy = |outcome: &Result<bool, HashError>| matches!(outcome, Err(HashError::Busy));
        let busy = outcomes.iter().filter(|outcome| is_busy(outcome)).count();
        assert_eq!(busy, 100 - MAX_CONCURRENT - MAX_WAITING);
        assert!(!passwords.verify(&guess, &dummy).await.unwrap(), "permits are returned");
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
