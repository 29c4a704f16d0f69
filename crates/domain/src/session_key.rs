//! Session keys that are kept, sealed, for what the provider lets them be used for later.

use std::sync::Arc;
use std::time::Duration;

use crate::identity::Subject;
use crate::ports::session_keys::{SessionKeySeal, SessionKeyUse};
use crate::ports::store::{MemberDirectory, StoreError, UnitOfWork};
use crate::secret::SessionKey;
use crate::timestamp::Timestamp;

/// For how long a key is kept that no login replaces. WeChat promises no lifetime; a key this old is
/// hardly good for anything.
pub const KEPT: Duration = Duration::from_hours(30 * 24);

/// A session key as the store keeps it: nobody reads it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSessionKey {
    /// Whose it is.
    pub user: Subject,
    /// The key, sealed.
    pub sealed: Vec<u8>,
    /// When the provider told it.
    pub obtained_at: Timestamp,
}

/// What a client got from the provider about its user, encrypted with their session key.
pub struct EncryptedData {
    /// The encrypted text.
    pub ciphertext: Vec<u8>,
    /// The value its encryption began with.
    pub iv: [u8; 16],
}

/// What an app has that keeps its users' session keys.
pub struct SessionKeys {
    /// What makes them unreadable for the store.
    pub seal: Arc<dyn SessionKeySeal>,
    /// What they are good for.
    pub uses: Arc<dyn SessionKeyUse>,
}

impl SessionKeys {
    /// Keeps a key of a known user, in place of the one before.
    pub(crate) async fn keep(
        &self,
        work: &dyn UnitOfWork,
        user: &Subject,
        key: &SessionKey,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sealed = self.seal.seal(user, key);
        let kept = SealedSessionKey { user: user.clone(), sealed, obtained_at: now };
        work.session_keys().keep(&kept).await
    }

    /// The key that is kept of a user. One that does not open counts as none: the next login brings
    /// another.
    pub(crate) async fn of(
        &self,
        directory: &dyn MemberDirectory,
        user: &Subject,
    ) -> Result<Option<SessionKey>, StoreError> {
        let Some(kept) = directory.find_session_key(user).await? else { return Ok(None) };
        let opened = self.seal.open(user, &kept.sealed);
        let opened = opened.inspect_err(|error| {
            let error: &(dyn std::error::Error + 'static) = error;
            tracing::warn!(error, "a session key that was kept does not open");
        });
        Ok(opened.ok())
    }
}
