//! Where instances leave the access token that one of them fetched for the others.

use async_trait::async_trait;
use secrecy::SecretString;

/// An access token, and how long it is good for.
pub struct SharedToken {
    /// The token.
    pub token: SecretString,
    /// The seconds it still lives.
    pub expires_in: i64,
}

/// What one who needs a token finds.
pub enum Found {
    /// A token that another instance fetched.
    Token(SharedToken),
    /// Nothing, and nobody else is asked to fetch it: whoever finds this does, and leaves it here.
    Turn,
    /// Nobody knows, and nobody is waited for any longer.
    Nothing,
}

/// Keeps one token per app. It may forget everything at any time: then more than one instance asks WeChat, and is
/// given the same token.
///
/// An implementation MUST keep tokens so that nobody else can read them, and MUST NOT be waited for much longer
/// than a call to WeChat takes.
#[async_trait]
pub trait TokenShelf: Send + Sync {
    /// Looks for an app's token, other than one that WeChat refused. While another instance is fetching it,
    /// waits for that.
    async fn find(&self, app_id: &str, refused: Option<&SecretString>) -> Found;

    /// Leaves a token for the others, until it is time for its successor.
    async fn leave(&self, app_id: &str, token: &SharedToken);
}
