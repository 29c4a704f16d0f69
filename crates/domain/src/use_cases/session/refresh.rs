//! Refresh of a session: rotation of the token pair, with refresh token reuse detection.

use std::sync::Arc;

use crate::model::app::policy::TokenLifetimes;
use crate::model::audit::{AuditEvent, AuditKind};
use crate::model::clock::Clock;
use crate::model::member::Banned;
use crate::model::rate_limit::{LimitKey, RateLimited};
use crate::model::session::claims::RefreshClaims;
use crate::model::session::token_pair::TokenPair;
use crate::model::session::{RefreshTokenState, Session, SessionPolicy};
use crate::model::timestamp::Timestamp;
use crate::ports::app::AppDisabled;
use crate::ports::store::error::{Contention, StoreError};
use crate::ports::store::{Store, UnitOfWork};
use crate::ports::tokens::{SigningError, TokenVerifier};
use crate::use_cases::app::registry::AppRegistry;
use crate::use_cases::event::factory::EventFactory;
use crate::use_cases::ports::{Policies, Ports};
use crate::use_cases::rate_limits::RateLimits;
use crate::use_cases::retry::retry_on_contention;
use crate::use_cases::session::issue_tokens::IssueTokens;

/// Detail of the audit event for a refresh token that the store has not issued yet.
const NEWER_THAN_STORE: &str = "newer than the database";

/// Refreshes sessions.
pub struct Refresh {
    apps: Arc<AppRegistry>,
    store: Arc<dyn Store>,
    verifier: Arc<dyn TokenVerifier>,
    issue_tokens: IssueTokens,
    events: EventFactory,
    clock: Arc<dyn Clock>,
    policy: SessionPolicy,
    limits: Arc<RateLimits>,
}

/// Reason why a session was not refreshed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The token is not a refresh token of this service.
    #[error("the refresh token is not valid")]
    Invalid,
    /// The session exceeds the rate limit.
    #[error(transparent)]
    RateLimited(#[from] RateLimited),
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// The token was exchanged before, and its grace period is over. The session was ended.
    #[error("a refresh token was reused, so the session was ended")]
    Reused,
    /// The app of the session is disabled.
    #[error(transparent)]
    AppDisabled(#[from] AppDisabled),
    /// The member is banned.
    #[error(transparent)]
    Banned(#[from] Banned),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tokens could not be signed.
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
            issue_tokens: IssueTokens::new(ports, policies),
            events: EventFactory::new(ports),
            clock: ports.clock.clone(),
            policy: policies.sessions,
            limits: ports.rate_limits.clone(),
        }
    }

    /// Exchanges a refresh token.
    ///
    /// Within the grace period, the same token gets the same successor however often and concurrently it
    /// is presented, so that a lost response does no harm. A later reuse ends the session, because one of
    /// the two holders of the token must have stolen it. The member's other sessions continue.
    ///
    /// A successful refresh is not audited: it happens for every session each time an access token
    /// expires.
    pub async fn run(&self, token: &str) -> Result<TokenPair, RefreshError> {
        let claims = self.verifier.open_refresh_token(token).ok_or(RefreshError::Invalid)?;
        self.limits.check(LimitKey::Session(claims.session)).await?;
        let now = self.clock.now();
        retry_on_contention(|| self.try_refresh(claims, now)).await
    }

    async fn try_refresh(
        &self,
        claims: RefreshClaims,
        now: Timestamp,
    ) -> Result<TokenPair, RefreshError> {
        let work = self.store.begin().await?;
        let found = work.sessions().find_with_member(claims.session).await?;
        let (session, member) = found.ok_or(RefreshError::Ended)?;
        member.ensure_active()?;
        let lifetimes = self.lifetimes(&session)?;
        let policy = lifetimes.sessions(&self.policy);
        match session.refresh_token_state(claims.generation, &policy, now) {
            RefreshTokenState::Current => {
                let next = session.refreshed(&policy, now);
                if !work.sessions().advance(&next).await? {
                    return Err(StoreError::from(Contention::new("another refresh")).into());
                }
                // Signed before the commit: if signing failed afterwards, the client's next attempt could
                // look like a reuse.
                let tokens = self.issue_tokens.run(&member, &next, &lifetimes, now)?;
                work.commit().await?;
                Ok(tokens)
            }
            RefreshTokenState::InGrace => {
                let tokens = self.issue_tokens.run(&member, &session, &lifetimes, now)?;
                work.commit().await?;
                Ok(tokens)
            }
            RefreshTokenState::Reused => {
                self.end_session(work, &session, None, now).await?;
                Err(RefreshError::Reused)
            }
            RefreshTokenState::Unknown => {
                self.end_session(work, &session, Some(NEWER_THAN_STORE), now).await?;
                tracing::error!(
                    "a refresh token is newer than its session: was the database restored from a backup?"
                );
                Err(RefreshError::Ended)
            }
            RefreshTokenState::Expired => Err(RefreshError::Ended),
        }
    }

    async fn end_session(
        &self,
        work: Box<dyn UnitOfWork>,
        session: &Session,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        work.sessions().remove(&[session.id]).await?;
        let event = self.events.audit_event(AuditKind::RefreshTokenReused, now);
        let event = AuditEvent { detail: detail.map(str::to_owned), ..event };
        work.audit().record(&event.with_member(session.member).in_session(session.id)).await?;
        work.commit().await
    }

    /// Returns the token lifetimes of the session's app. An app that was removed, or is not loaded on this
    /// instance yet, has the default ones.
    fn lifetimes(&self, session: &Session) -> Result<TokenLifetimes, AppDisabled> {
        let Some(app) = self.apps.select(Some(session.app.as_str())) else {
            return Ok(TokenLifetimes::default());
        };
        app.ensure_enabled()?;
        Ok(app.policy.lifetimes)
    }
}
