//! Claims of access and refresh tokens.

use crate::model::app::name::AppName;
use crate::model::member::MemberId;
use crate::model::member::nickname::Nickname;
use crate::model::session::SessionId;
use crate::model::timestamp::Timestamp;
use uuid::Uuid;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who calls (`sub`).
    pub member: MemberId,
    /// In which session (`sid`).
    pub session: SessionId,
    /// In which app (`app`).
    pub app: AppName,
    /// What they are called (`name`).
    pub name: Nickname,
    /// Since when (`iat`, `nbf`).
    pub issued_at: Timestamp,
    /// Until when (`exp`).
    pub expires_at: Timestamp,
    /// Which token this is (`jti`).
    pub id: Uuid,
}

impl AccessClaims {
    /// Who the token speaks for.
    #[must_use]
    pub fn caller(&self) -> Caller {
        Caller { member: self.member, session: self.session, app: self.app.clone() }
    }
}

/// Who a verified access token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The member.
    pub member: MemberId,
    /// The session.
    pub session: SessionId,
    /// The app.
    pub app: AppName,
}

/// What a refresh token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// Which session it prolongs.
    pub session: SessionId,
    /// Which of the session's refresh tokens it is.
    pub generation: u32,
}
