//! Authentication of members: the only place that accepts access tokens.

use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::member::{Banned, Member};
use crate::model::rate_limit::{LimitKey, RateLimited};
use crate::model::session::Session;
use crate::model::session::claims::{AccessClaims, Caller};
use crate::model::timestamp::Timestamp;
use crate::ports::store::error::StoreError;
use crate::ports::store::sessions::SessionReader;
use crate::ports::tokens::{TokenRejected, TokenVerifier};
use crate::use_cases::ports::Ports;
use crate::use_cases::rate_limits::RateLimits;

/// Authenticates members by access token.
///
/// Every member route uses it, so that each of them rejects sessions ended by a logout, a reused refresh
/// token, a ban or an erasure.
pub struct Authenticate {
    /// Verifier of the token itself.
    pub tokens: Arc<dyn TokenVerifier>,
    /// Sessions; a cache may answer.
    pub sessions: Arc<dyn SessionReader>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Rate limit of requests per member.
    pub limits: Arc<RateLimits>,
}

/// Reason why a token is rejected.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The token is invalid or expired.
    #[error(transparent)]
    Token(#[from] TokenRejected),
    /// The token is valid, but its session has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reason why a request is rejected.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The token is rejected.
    #[error(transparent)]
    Unauthenticated(#[from] AuthenticateError),
    /// The member exceeds the rate limit.
    #[error(transparent)]
    RateLimited(#[from] RateLimited),
}

impl Authenticate {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports) -> Self {
        Self {
            tokens: ports.token_verifier.clone(),
            sessions: ports.readers.sessions.clone(),
            clock: ports.clock.clone(),
            limits: ports.rate_limits.clone(),
        }
    }

    /// Authenticates a request. It is counted against the rate limit before the session is looked up.
    pub async fn run(&self, token: &str) -> Result<Caller, AuthError> {
        let claims = self.tokens.verify(token).map_err(AuthenticateError::from)?;
        self.limits.check(LimitKey::Member(claims.member)).await?;
        Ok(self.check_session(claims).await?.caller())
    }

    /// Returns the claims of an access token whose session is alive.
    pub async fn claims(&self, token: &str) -> Result<AccessClaims, AuthenticateError> {
        self.check_session(self.tokens.verify(token)?).await
    }

    async fn check_session(&self, claims: AccessClaims) -> Result<AccessClaims, AuthenticateError> {
        let found = self.sessions.find_session(claims.session).await?;
        let session = ensure_alive(found, self.clock.now())?;
        if session.member != claims.member {
            return Err(AuthenticateError::SessionEnded);
        }
        Ok(claims)
    }
}

/// Returns the session if it is alive and its member is not banned.
pub(crate) fn ensure_alive(
    found: Option<(Session, Member)>,
    now: Timestamp,
) -> Result<Session, AuthenticateError> {
    let (session, member) = found.ok_or(AuthenticateError::SessionEnded)?;
    member.ensure_active()?;
    if !session.is_alive(now) {
        return Err(AuthenticateError::SessionEnded);
    }
    Ok(session)
}
