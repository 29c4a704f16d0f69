//! Administrators' passwords under Argon2id.

use argon2::Argon2;
use argon2::password_hash::phc;
use argon2::password_hash::{Error, PasswordHasher as _, PasswordVerifier as _};
use async_trait::async_trait;
use domain::model::admin::{AdminPassword, PasswordHash};
use domain::ports::passwords::{HashError, PasswordHasher};
use secrecy::zeroize::Zeroizing;
use tokio::sync::Semaphore;

/// How many passwords are worked on at once: each takes 19 MiB, and a processor from those who serve members.
const AT_ONCE: usize = 1;

/// In the form of a hash with the parameters that the library recommends, and of no password.
const OF_NOTHING: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes with the parameters that OWASP recommends: 19 MiB, two passes.
pub struct Argon2Passwords {
    turns: Semaphore,
}

impl Default for Argon2Passwords {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE) }
    }
}

impl Argon2Passwords {
    /// Works on a password where it keeps nobody waiting, when it is its turn.
    async fn work_on<T: Send + 'static>(
        &self,
        password: &AdminPassword,
        work: impl FnOnce(&[u8]) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, HashError> {
        let _turn = self.turns.acquire().await.map_err(failed)?;
        let password = Zeroizing::new(password.expose().to_owned());
        let done = tokio::task::spawn_blocking(move || work(password.as_bytes())).await;
        done.map_err(failed)?.map_err(failed)
    }
}

#[async_trait]
impl PasswordHasher for Argon2Passwords {
    async fn hash(&self, password: &AdminPassword) -> Result<PasswordHash, HashError> {
        let hash = |password: &[u8]| Ok(Argon2::default().hash_password(password)?.to_string());
        self.work_on(password, hash).await.map(PasswordHash)
    }

    async fn verify(
        &self,
        password: &AdminPassword,
        hash: &PasswordHash,
    ) -> Result<bool, HashError> {
        let hash = phc::PasswordHash::new(&hash.0).map_err(failed)?;
        let verify = move |password: &[u8]| match Argon2::default().verify_password(password, &hash)
        {
            Ok(()) => Ok(true),
            Err(Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error),
        };
        self.work_on(password, verify).await
    }

    fn dummy_hash(&self) -> PasswordHash {
        PasswordHash(OF_NOTHING.to_owned())
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> HashError {
    HashError(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> AdminPassword {
        AdminPassword::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let passwords = Argon2Passwords::default();
        let hash = passwords.hash(&password("correct horse")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert!(passwords.verify(&password("correct horse"), &hash).await.unwrap());
        assert!(!passwords.verify(&password("correct horsf"), &hash).await.unwrap());
        let again = passwords.hash(&password("correct horse")).await.unwrap();
        assert_ne!(hash, again, "each has a salt of its own");
    }

    #[tokio::test]
    async fn the_hash_of_nothing_takes_as_much_work_and_is_no_passwords() {
        let passwords = Argon2Passwords::default();
        let (nothing, any) = (passwords.dummy_hash(), password("any password"));
        let hash = passwords.hash(&any).await.unwrap();
        let work = |hash: &PasswordHash| {
            let hash = phc::PasswordHash::new(&hash.0).unwrap();
            (hash.algorithm, hash.version, hash.params, hash.hash.map(|hash| hash.len()))
        };
        assert_eq!(work(&nothing), work(&hash));
        assert!(!passwords.verify(&any, &nothing).await.unwrap());
    }

    #[tokio::test]
    async fn what_is_no_hash_is_an_error() {
        let passwords = Argon2Passwords::default();
        let nonsense = PasswordHash("nonsense".to_owned());
        assert!(passwords.verify(&password("anything"), &nonsense).await.is_err());
    }
}
