//! Claims of access and refresh tokens.

use crate::model::app::name::AppName;
use crate::model::member::MemberId;
use crate::model::member::nickname::Nickname;
use crate::model::session::SessionId;
use crate::model::timestamp::Timestamp;
use uuid::Uuid;

/// Claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Member (`sub`).
    pub member: MemberId,
    /// Session (`sid`).
    pub session: SessionId,
    /// App (`app`).
    pub app: AppName,
    /// The member's nickname (`name`).
    pub name: Nickname,
    /// Time of issue (`iat`, `nbf`).
    pub issued_at: Timestamp,
    /// Expiry (`exp`).
    pub expires_at: Timestamp,
    /// Id of the token (`jti`).
    pub id: Uuid,
}

impl AccessClaims {
    /// Returns the caller that the token identifies.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller { member: self.member, session: self.session, app: self.app.clone() }
    }
}

/// Caller authenticated by an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Member.
    pub member: MemberId,
    /// Session.
    pub session: SessionId,
    /// App.
    pub app: AppName,
}

/// Claims of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// Session that the token refreshes.
    pub session: SessionId,
    /// Generation of the token within the session.
    pub generation: u32,
}
