//! Issue of a session's access and refresh token.

use std::sync::Arc;
use std::time::Duration;

use crate::model::app::policy::TokenLifetimes;
use crate::model::id::uuid_v7;
use crate::model::member::Member;
use crate::model::random::Random;
use crate::model::session::Session;
use crate::model::session::claims::AccessClaims;
use crate::model::session::token_pair::TokenPair;
use crate::model::timestamp::Timestamp;
use crate::ports::tokens::{SigningError, TokenIssuer};
use crate::use_cases::ports::{Policies, Ports};

/// Issues the tokens of sessions.
pub struct IssueTokens {
    issuer: Arc<dyn TokenIssuer>,
    random: Arc<dyn Random>,
    access_ttl: Duration,
}

impl IssueTokens {
    /// Connects the use case with its ports.
    #[must_use]
    pub fn new(ports: &Ports, policies: &Policies) -> Self {
        Self {
            issuer: ports.token_issuer.clone(),
            random: ports.random.clone(),
            access_ttl: policies.access_ttl,
        }
    }

    /// Issues the tokens of the session's current generation. The access token expires after the lifetime
    /// that applies to the app, and not later than the session.
    pub fn run(
        &self,
        member: &Member,
        session: &Session,
        lifetimes: &TokenLifetimes,
        now: Timestamp,
    ) -> Result<TokenPair, SigningError> {
        let lifetime = lifetimes.access(self.access_ttl);
        let expires_at = now.plus(lifetime).min(session.expires_at);
        let claims = AccessClaims {
            member: member.id,
            session: session.id,
            app: session.app.clone(),
            name: member.nickname.clone(),
            issued_at: now,
            expires_at,
            id: uuid_v7(now, self.random.as_ref()),
        };
        Ok(TokenPair {
            access_token: self.issuer.access_token(&claims)?,
            refresh_token: self.issuer.refresh_token(session),
            expires_in: expires_at.since(now),
        })
    }
}
