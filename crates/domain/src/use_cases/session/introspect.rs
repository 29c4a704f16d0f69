//! Introspection and revocation of tokens, for service accounts (RFC 7662, RFC 7009).

use std::sync::Arc;

use crate::model::clock::Clock;
use crate::model::session::claims::{AccessClaims, RefreshClaims};
use crate::model::session::{RefreshTokenState, Session, SessionId, SessionPolicy};
use crate::model::timestamp::Timestamp;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::store::sessions::SessionReader;
use crate::ports::tokens::TokenVerifier;
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;
use crate::use_cases::session::authenticate::{Authenticate, AuthenticateError, ensure_alive};

/// Introspects and revokes tokens of members.
pub struct Introspect {
    /// Apps that users log in to.
    pub apps: Arc<AppRegistry>,
    /// Authentication by access token.
    pub authenticate: Arc<Authenticate>,
    /// Sessions as last committed. A cache would reject the newest refresh token of a session that another
    /// instance has refreshed.
    pub sessions: Arc<dyn SessionReader>,
    /// Verifier of refresh tokens.
    pub tokens: Arc<dyn TokenVerifier>,
    /// Units of work.
    pub store: Arc<dyn Store>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Policy of sessions.
    pub policy: SessionPolicy,
}

/// State of a token.
#[derive(Debug)]
pub enum Introspection {
    /// Valid access token.
    Access(AccessClaims),
    /// Valid refresh token.
    Refresh {
        /// Session of the token.
        session: Session,
        /// Expiry: of the session, or of the grace period for a token that was exchanged before.
        expires_at: Timestamp,
    },
    /// Any other token, including expired and revoked ones.
    Inactive,
}

impl Introspect {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies, authenticate: Arc<Authenticate>) -> Self {
        Self {
            apps: ports.apps.clone(),
            authenticate,
            sessions: ports.readers.committed_sessions.clone(),
            tokens: ports.token_verifier.clone(),
            store: ports.store.clone(),
            clock: ports.clock.clone(),
            policy: policies.sessions,
        }
    }

    /// Returns the state of a token. A refresh token is not spent by this.
    pub async fn run(&self, token: &str) -> Result<Introspection, StoreError> {
        if let Some(claims) = self.tokens.open_refresh_token(token) {
            return self.introspect_refresh_token(claims).await;
        }
        let claims = active_or_none(self.authenticate.claims(token).await)?;
        Ok(claims.map_or(Introspection::Inactive, Introspection::Access))
    }

    async fn introspect_refresh_token(
        &self,
        claims: RefreshClaims,
    ) -> Result<Introspection, StoreError> {
        let now = self.clock.now();
        let found = self.sessions.find_session(claims.session).await?;
        let found = active_or_none(ensure_alive(found, now))?;
        let Some(session) = found else { return Ok(Introspection::Inactive) };
        let app = self.apps.select(Some(session.app.as_str()));
        if app.is_some_and(|app| app.disabled) {
            return Ok(Introspection::Inactive);
        }
        let state = session.refresh_token_state(claims.generation, &self.policy, now);
        let expires_at = match state {
            RefreshTokenState::Current => session.expires_at,
            RefreshTokenState::InGrace => session.grace_end(&self.policy),
            RefreshTokenState::Reused | RefreshTokenState::Unknown | RefreshTokenState::Expired => {
                return Ok(Introspection::Inactive);
            }
        };
        Ok(Introspection::Refresh { session, expires_at })
    }

    /// Ends the session of an access or refresh token, even if the token has expired. An invalid token is
    /// not an error.
    pub async fn revoke(&self, token: &str) -> Result<(), StoreError> {
        let Some(session) = self.session_of(token) else { return Ok(()) };
        retry_on_contention(|| async {
            let work = self.store.begin().await?;
            work.sessions().remove(&[session]).await?;
            work.commit().await
        })
        .await
    }

    fn session_of(&self, token: &str) -> Option<SessionId> {
        let refresh = self.tokens.open_refresh_token(token).map(|claims| claims.session);
        refresh.or_else(|| self.tokens.open_access_token(token).map(|claims| claims.session))
    }
}

/// Turns a rejected token into `None`. Only a failure of the store remains an error.
fn active_or_none<T>(outcome: Result<T, AuthenticateError>) -> Result<Option<T>, StoreError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(
            AuthenticateError::Token(_)
            | AuthenticateError::SessionEnded
            | AuthenticateError::Banned(_),
        ) => Ok(None),
        Err(AuthenticateError::Store(error)) => Err(error),
    }
}
