//! Decide who calls: the one place where a token is believed or not.

use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::member::Banned;
use crate::model::rate_limit::{LimitKey, RateLimited};
use crate::model::session::claims::{AccessClaims, Caller};
use crate::model::session::{Session, SessionId};
use crate::ports::store::error::StoreError;
use crate::ports::store::sessions::SessionReader;
use crate::ports::tokens::{TokenRejected, TokenVerifier};
use crate::use_cases::ports::Ports;
use crate::use_cases::rate_limits::RateLimits;

/// The use case. Every route that a member calls passes through it, so that none can forget what ends
/// a session: a logout, a replayed refresh token, a ban, an erasure.
pub struct Authenticate {
    /// What checks the token itself.
    pub tokens: Arc<dyn TokenVerifier>,
    /// Sessions.
    pub sessions: Arc<dyn SessionReader>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How often a member may call.
    pub limits: Arc<RateLimits>,
}

/// Why a caller is not believed.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The token is not good.
    #[error(transparent)]
    Token(#[from] TokenRejected),
    /// The token is good, but its session is over.
    #[error("the session has ended")]
    SessionEnded,
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a caller is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// They are not believed.
    #[error(transparent)]
    Unauthenticated(#[from] AuthenticateError),
    /// They call too often.
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

    /// Who the access token speaks for, if its session still lasts and they do not call too often.
    /// Calls are counted before anything is looked up.
    pub async fn run(&self, token: &str) -> Result<Caller, AuthError> {
        let claims = self.tokens.verify(token).map_err(AuthenticateError::from)?;
        self.limits.check(LimitKey::Member(claims.member)).await?;
        Ok(self.check_session(claims).await?.caller())
    }

    /// What the access token says, if its session still lasts.
    pub async fn claims(&self, token: &str) -> Result<AccessClaims, AuthenticateError> {
        self.check_session(self.tokens.verify(token)?).await
    }

    async fn check_session(&self, claims: AccessClaims) -> Result<AccessClaims, AuthenticateError> {
        let session = self.session(claims.session).await?;
        if session.member == claims.member {
            Ok(claims)
        } else {
            Err(AuthenticateError::SessionEnded)
        }
    }

    /// The session, if it still lasts and its member may come in.
    pub async fn session(&self, id: SessionId) -> Result<Session, AuthenticateError> {
        let found = self.sessions.find_session(id).await?;
        let (session, member) = found.ok_or(AuthenticateError::SessionEnded)?;
        member.ensure_active()?;
        if session.is_alive(self.clock.now()) {
            Ok(session)
        } else {
            Err(AuthenticateError::SessionEnded)
        }
    }
}
