//! Port of the access token cache that instances share.

use async_trait::async_trait;
use secrecy::SecretString;

/// Access token and its remaining lifetime.
pub struct SharedToken {
    /// Access token.
    pub token: SecretString,
    /// Remaining lifetime in seconds.
    pub expires_in: i64,
}

/// Result of a cache lookup.
pub enum Lookup {
    /// Token that another instance fetched.
    Hit(SharedToken),
    /// No token is cached, and the caller now holds the fetch lock: it fetches the token and stores it with
    /// [`AccessTokenCache::put`].
    LockAcquired,
    /// The cache is unavailable, or the holder of the fetch lock took too long. The caller fetches the token for
    /// itself.
    Unavailable,
}

/// Cache with one access token per app and a fetch lock. It may lose its content at any time: then several
/// instances call WeChat, which gives all of them the same token.
///
/// An implementation MUST store tokens so that no other program can read them, and MUST NOT block much longer
/// than the maximum duration of a call to WeChat.
#[async_trait]
pub trait AccessTokenCache: Send + Sync {
    /// Looks up the token of an app, ignoring the token that WeChat `refused`. Waits while another instance
    /// holds the fetch lock.
    async fn get_or_lock(&self, app_id: &str, refused: Option<&SecretString>) -> Lookup;

    /// Stores a token until it is due for renewal, and releases the fetch lock.
    async fn put(&self, app_id: &str, token: &SharedToken);
}
