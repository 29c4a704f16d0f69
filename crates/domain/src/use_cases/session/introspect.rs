//! Tell trusted back ends whether a token is good, and end the session of one that must not be.

use std::sync::Arc;

use crate::model::session::claims::AccessClaims;
use crate::model::session::{RefreshTokenState, Session, SessionId, SessionPolicy};
use crate::model::timestamp::Timestamp;
use crate::ports::store::Store;
use crate::ports::store::error::StoreError;
use crate::ports::tokens::TokenVerifier;
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::retry::retry_on_contention;
use crate::use_cases::session::authenticate::{Authenticate, AuthenticateError};

/// The use cases on tokens that someone else holds.
pub struct Introspect {
    /// The apps served.
    pub apps: Arc<AppRegistry>,
    /// What decides whether an access token is believed.
    pub authenticate: Arc<Authenticate>,
    /// What knows refresh tokens.
    pub tokens: Arc<dyn TokenVerifier>,
    /// Where sessions end.
    pub store: Arc<dyn Store>,
    /// How long sessions live.
    pub policy: SessionPolicy,
}

/// What a token is.
#[derive(Debug)]
pub enum Introspection {
    /// An access token that is believed.
    Access(AccessClaims),
    /// A refresh token that would be exchanged.
    Refresh {
        /// Its session.
        session: Session,
        /// When it ends: with the session, or with the grace where it was exchanged before.
        expires_at: Timestamp,
    },
    /// Nothing that opens anything, whatever it once was.
    Inactive,
}

impl Introspect {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies, authenticate: Arc<Authenticate>) -> Self {
        Self {
            apps: ports.apps.clone(),
            authenticate,
            tokens: ports.token_verifier.clone(),
            store: ports.store.clone(),
            policy: policies.sessions,
        }
    }

    /// What the token is now. A refresh token is not spent by asking.
    pub async fn run(&self, token: &str) -> Result<Introspection, StoreError> {
        let Some(claims) = self.tokens.open_refresh_token(token) else {
            let claims = active_or_none(self.authenticate.claims(token).await)?;
            return Ok(claims.map_or(Introspection::Inactive, Introspection::Access));
        };
        let session = active_or_none(self.authenticate.session(claims.session).await)?;
        let now = self.authenticate.clock.now();
        Ok(session.map_or(Introspection::Inactive, |session| {
            let app = self.apps.select(Some(session.app.as_str()));
            if app.is_some_and(|app| app.disabled) {
                return Introspection::Inactive;
            }
            let expires_at = match session.refresh_token_state(claims.generation, &self.policy, now)
            {
                RefreshTokenState::Current => session.expires_at,
                RefreshTokenState::InGrace => session.grace_end(&self.policy),
                RefreshTokenState::Reused | RefreshTokenState::Expired => {
                    return Introspection::Inactive;
                }
            };
            Introspection::Refresh { session, expires_at }
        }))
    }

    /// Ends the session of an access or refresh token, be it an expired one; a token that is no good is
    /// no error.
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

/// Only a store that fails is an error; whatever else is in the way means no.
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
