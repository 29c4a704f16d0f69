//! The two tokens a device holds.

use std::time::Duration;

use crate::model::id::uuid_v7;
use crate::model::member::Member;
use crate::model::random::Random;
use crate::model::secret::{AccessToken, RefreshToken};
use crate::model::session::Session;
use crate::model::session::claims::AccessClaims;
use crate::model::timestamp::Timestamp;
use crate::ports::tokens::{SigningError, TokenIssuer};

/// What a login or a refresh hands out.
#[derive(Debug)]
pub struct TokenPair {
    /// What every later request is checked by.
    pub access_token: AccessToken,
    /// What prolongs the session, once.
    pub refresh_token: RefreshToken,
    /// How long the access token is good for.
    pub expires_in: Duration,
}

impl TokenPair {
    /// The tokens of a session as it is now. The access token lasts for `lifetime`, and no longer than
    /// the session.
    pub fn issue(
        issuer: &dyn TokenIssuer,
        member: &Member,
        session: &Session,
        lifetime: Duration,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<Self, SigningError> {
        let expires_at = now.plus(lifetime).min(session.expires_at);
        let claims = AccessClaims {
            member: member.id,
            session: session.id,
            app: session.app.clone(),
            name: member.nickname.clone(),
            issued_at: now,
            expires_at,
            id: uuid_v7(now, random),
        };
        Ok(Self {
            access_token: issuer.access_token(&claims)?,
            refresh_token: issuer.refresh_token(session),
            expires_in: expires_at.since(now),
        })
    }
}
