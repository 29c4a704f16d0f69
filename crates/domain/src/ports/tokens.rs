//! The tokens a login hands out, and their check.

use std::error::Error;

use uuid::Uuid;

use crate::app::AppName;
use crate::member::MemberId;
use crate::nickname::Nickname;
use crate::secret::{AccessToken, RefreshToken};
use crate::session::{Session, SessionId};
use crate::timestamp::Timestamp;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who calls (`sub`).
    pub member: MemberId,
    /// In which session (`sid`).
    pub session: SessionId,
    /// In which app (`app`).
    pub app: AppName,
    /// What they are called (`name`).
    pub name: Nickname,
    /// Since when (`iat`, `nbf`).
    pub issued_at: Timestamp,
    /// Until when (`exp`).
    pub expires_at: Timestamp,
    /// Which token this is (`jti`).
    pub id: Uuid,
}

impl AccessClaims {
    /// Who the token speaks for.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller { member: self.member, session: self.session, app: self.app.clone() }
    }
}

/// Who a verified access token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The member.
    pub member: MemberId,
    /// The session.
    pub session: SessionId,
    /// The app.
    pub app: AppName,
}

/// Makes tokens.
///
/// An implementation
/// - MUST sign access tokens so that only holders of the private key can make one;
/// - MUST make refresh tokens of at least 256 unguessable bits, the same one for the same session and
///   generation, so that none needs to be stored.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait TokenIssuer: Send + Sync {
    /// Signs an access token.
    fn access_token(&self, claims: &AccessClaims) -> Result<AccessToken, SigningError>;

    /// The refresh token of the session's present generation.
    fn refresh_token(&self, session: &Session) -> RefreshToken;
}

/// A token could not be signed: the key does not work.
#[derive(Debug, thiserror::Error)]
#[error("the token was not signed")]
pub struct SigningError(#[source] pub Box<dyn Error + Send + Sync>);

/// What a refresh token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// Which session it prolongs.
    pub session: SessionId,
    /// Which of the session's refresh tokens it is.
    pub generation: u32,
}

/// Checks tokens.
///
/// An implementation MUST accept only tokens of its own issuer, for its own audience, of the one type
/// and algorithm it issues, within their time, and MUST take keys from nowhere but its own store.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait TokenVerifier: Send + Sync {
    /// What the access token says.
    fn verify(&self, token: &str) -> Result<AccessClaims, TokenRejected>;

    /// What the access token says, or once said: as [`Self::verify`], but one that has expired counts
    /// too.
    fn open_access_token(&self, token: &str) -> Option<AccessClaims>;

    /// What the refresh token says, if the issuer made it. MUST compare in a time that does not depend
    /// on how much of it is right.
    fn open_refresh_token(&self, token: &str) -> Option<RefreshClaims>;
}

/// Why a token does not let anyone in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejected {
    /// Not a token of ours.
    #[error("the token is not valid")]
    Invalid,
    /// Ours, but too old.
    #[error("the token has expired")]
    Expired,
}

/// Tells the public keys with which anyone can check access tokens.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait VerificationKeys: Send + Sync {
    /// The keys of all tokens that may be good now, or will be soon.
    fn verification_keys(&self) -> Vec<VerificationKey>;
}

/// A point on the curve P-256: the public half of a key that signs with ES256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationKey {
    /// How tokens name it (`kid`).
    pub id: String,
    /// The first coordinate, in Base64 for URLs.
    pub x: String,
    /// The second coordinate, likewise.
    pub y: String,
}

/// Makes the key pairs with which access tokens are signed.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
pub trait KeyGenerator: Send + Sync {
    /// A key pair nobody had before. Its private half MUST be sealed so that it opens, in the store and
    /// under its own name only, for those who hold the sealing key.
    fn generate(&self) -> Result<GeneratedKey, GenerateKeyError>;
}

/// A new key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedKey {
    /// How tokens name it (`kid`).
    pub id: String,
    /// The private half, sealed.
    pub sealed: Vec<u8>,
}

/// There is no new key: something is wrong with the machine.
#[derive(Debug, thiserror::Error)]
#[error("no key pair was made")]
pub struct GenerateKeyError(#[source] pub Box<dyn Error + Send + Sync>);
