//! Prolong a session: a refresh token becomes a new pair of tokens.

use std::sync::Arc;
use std::time::Duration;

use crate::model::app::policy::TokenLifetimes;
use crate::model::audit::AuditKind;
use crate::model::member::{Banned, Member};
use crate::model::rate_limit::{LimitKey, RateLimited};
use crate::model::session::claims::RefreshClaims;
use crate::model::session::token_pair::TokenPair;
use crate::model::session::{RefreshTokenState, Session, SessionPolicy};
use crate::model::timestamp::Timestamp;
use crate::ports::app::AppDisabled;
use crate::ports::store::Store;
use crate::ports::store::error::{Contention, StoreError};
use crate::ports::tokens::{SigningError, TokenIssuer, TokenVerifier};
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::rate_limits::RateLimits;
use crate::use_cases::retry::retry_on_contention;

/// The use case.
pub struct Refresh {
    /// The apps served.
    pub apps: Arc<AppRegistry>,
    /// Where sessions are kept.
    pub store: Arc<dyn Store>,
    /// What knows refresh tokens.
    pub verifier: Arc<dyn TokenVerifier>,
    /// What makes tokens.
    pub issuer: Arc<dyn TokenIssuer>,
    /// What makes events, and knows the time.
    pub events: EventFactory,
    /// How long sessions live, where their app says nothing else.
    pub policy: SessionPolicy,
    /// How long an access token is good for, where its app says nothing else.
    pub access_ttl: Duration,
    /// How often a session may be prolonged.
    pub limits: Arc<RateLimits>,
}

/// Why there are no new tokens.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// Not a refresh token of ours.
    #[error("the refresh token is not valid")]
    Invalid,
    /// The session is prolonged too often.
    #[error(transparent)]
    RateLimited(#[from] RateLimited),
    /// The session is over.
    #[error("the session has ended")]
    Ended,
    /// The token was exchanged long ago; the session was ended for the member's safety.
    #[error("a refresh token was replayed, so the session was ended")]
    Reused,
    /// Nobody may log in to the session's app.
    #[error(transparent)]
    AppDisabled(#[from] AppDisabled),
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens could not be made.
    #[error(transparent)]
    Signing(#[from] SigningError),
}

impl Refresh {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            apps: ports.apps.clone(),
            store: ports.store.clone(),
            verifier: ports.token_verifier.clone(),
            issuer: ports.token_issuer.clone(),
            events: EventFactory::new(ports),
            policy: policies.sessions,
            access_ttl: policies.access_ttl,
            limits: ports.rate_limits.clone(),
        }
    }

    /// Exchanges a refresh token.
    ///
    /// The same token shown again within the grace gets the same successor, however many ask at once:
    /// a reply that was lost costs nothing. Shown later it ends the session, since then one of its two
    /// holders is a thief; the member's other sessions go on.
    pub async fn run(&self, token: &str) -> Result<TokenPair, RefreshError> {
        let claims = self.verifier.open_refresh_token(token).ok_or(RefreshError::Invalid)?;
        self.limits.check(LimitKey::Session(claims.session)).await?;
        retry_on_contention(|| self.try_to_advance(claims)).await
    }

    /// The present tokens of the session.
    async fn try_to_advance(&self, claims: RefreshClaims) -> Result<TokenPair, RefreshError> {
        let now = self.events.clock.now();
        let work = self.store.begin().await?;
        let found = work.sessions().find_with_member(claims.session).await?;
        let (session, member) = found.ok_or(RefreshError::Ended)?;
        member.ensure_active()?;
        let lives = self.lives(&session)?;
        let policy = lives.sessions(&self.policy);
        match session.refresh_token_state(claims.generation, &policy, now) {
            RefreshTokenState::Current => {
                let next = session.refreshed(&policy, now);
                if !work.sessions().advance(&next).await? {
                    return Err(StoreError::from(Contention::new("another refresh")).into());
                }
                // Signed first: were it to fail after the commit, the client's next try might look
                // like a replay.
                let tokens = self.issue(&member, &next, &lives, now)?;
                work.commit().await?;
                Ok(tokens)
            }
            RefreshTokenState::InGrace => {
                let tokens = self.issue(&member, &session, &lives, now)?;
                work.commit().await?;
                Ok(tokens)
            }
            RefreshTokenState::Reused => {
                work.sessions().remove(&[session.id]).await?;
                let event = self.events.event(AuditKind::RefreshTokenReused);
                let event = event.with_member(session.member).in_session(session.id);
                work.audit().record(&event).await?;
                work.commit().await?;
                Err(RefreshError::Reused)
            }
            RefreshTokenState::Expired => Err(RefreshError::Ended),
        }
    }

    /// How long the tokens of the session's app last. One that is served no more, or on this instance not
    /// yet, has no lives of its own.
    fn lives(&self, session: &Session) -> Result<TokenLifetimes, AppDisabled> {
        let Some(app) = self.apps.select(Some(session.app.as_str())) else {
            return Ok(TokenLifetimes::default());
        };
        app.ensure_enabled()?;
        Ok(app.policy.lifetimes)
    }

    fn issue(
        &self,
        member: &Member,
        session: &Session,
        lives: &TokenLifetimes,
        now: Timestamp,
    ) -> Result<TokenPair, SigningError> {
        let issuer = self.issuer.as_ref();
        let random = self.events.random.as_ref();
        let lifetime = lives.access(self.access_ttl);
        TokenPair::issue(issuer, member, session, lifetime, now, random)
    }
}
