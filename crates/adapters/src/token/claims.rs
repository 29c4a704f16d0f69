//! Claims of an access token in JSON, and their validation.

use std::borrow::Cow;

use domain::model::app::name::AppName;
use domain::model::member::MemberId;
use domain::model::member::nickname::Nickname;
use domain::model::session::SessionId;
use domain::model::session::claims::AccessClaims;
use domain::model::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::TokenSettings;
use super::key_ring::parse_object;

/// Maximum number of seconds by which the clock of the issuing instance may be ahead. NTP keeps instances much
/// closer. The expiry has no such tolerance, because clients refresh early and would not benefit from it.
const MAX_CLOCK_SKEW_SECS: i64 = 5;

/// Claims. All are required, each exactly once and with its type: in jsonwebtoken's own validation, an `exp` of
/// the wrong type once counted as absent (CVE-2026-25537). Unknown claims are ignored, so that a later version
/// may add claims while this version still runs.
#[derive(Serialize, Deserialize)]
pub(super) struct Claims<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    sid: Cow<'a, str>,
    #[serde(borrow)]
    app: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(borrow)]
    jti: Cow<'a, str>,
}

impl<'a> Claims<'a> {
    /// Creates the claims of a new token.
    pub(super) fn new(settings: &'a TokenSettings, claims: &'a AccessClaims) -> Self {
        Self {
            iss: (&settings.issuer).into(),
            aud: (&settings.audience).into(),
            sub: claims.member.0.to_string().into(),
            sid: claims.session.0.to_string().into(),
            app: claims.app.as_str().into(),
            name: claims.name.as_str().into(),
            iat: claims.issued_at.unix_seconds(),
            nbf: claims.issued_at.unix_seconds(),
            exp: claims.expires_at.unix_seconds(),
            jti: claims.id.to_string().into(),
        }
    }

    /// Parses the payload of a token whose signature has been verified.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        parse_object(payload)
    }

    /// Checks issuer, audience and the two times of issue. The expiry is not checked.
    pub(super) fn validate(
        &self,
        settings: &TokenSettings,
        now: Timestamp,
    ) -> Option<AccessClaims> {
        if self.iss != settings.issuer || self.aud != settings.audience {
            return None;
        }
        let latest = now.unix_seconds().saturating_add(MAX_CLOCK_SKEW_SECS);
        if self.iat > latest || self.nbf > latest {
            return None;
        }
        self.to_domain()
    }

    fn to_domain(&self) -> Option<AccessClaims> {
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds.saturating_mul(1000));
        Some(AccessClaims {
            member: MemberId(Uuid::try_parse(&self.sub).ok()?),
            session: SessionId(Uuid::try_parse(&self.sid).ok()?),
            app: AppName::parse(&self.app).ok()?,
            name: Nickname::parse(&self.name).ok()?,
            issued_at: at(self.iat),
            expires_at: at(self.exp),
            id: Uuid::try_parse(&self.jti).ok()?,
        })
    }
}
