//! What an access token says, in JSON, and the rules it must meet.

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

/// How many seconds ahead of ours the clock of the instance that issued a token may be. NTP keeps
/// instances far closer. A token's end gets no such grace: it helps nobody, for clients renew early.
const CLOCK_SKEW: i64 = 5;

/// The claims. All must be there, each once and of its type: in jsonwebtoken's own validation a
/// wrongly typed `exp` once counted as absent (CVE-2026-25537). Others are ignored, so that a later
/// version may add some while this one still runs.
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
    /// The claims of a new token.
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

    /// Reads the payload of a token whose signature was found right.
    pub(super) fn parse(payload: &'a [u8]) -> Option<Self> {
        parse_object(payload)
    }

    /// What the token says, if it is of this issuer, for this audience and not of the future; it may
    /// have ended.
    pub(super) fn check(&self, settings: &TokenSettings, now: Timestamp) -> Option<AccessClaims> {
        let begun = now.unix_seconds().saturating_add(CLOCK_SKEW);
        let ours = self.iss == settings.issuer && self.aud == settings.audience;
        if ours && self.iat <= begun && self.nbf <= begun { self.read() } else { None }
    }

    fn read(&self) -> Option<AccessClaims> {
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
