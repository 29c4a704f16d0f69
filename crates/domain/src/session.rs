//! A device's login: what a refresh token belongs to.

use std::time::Duration;

use uuid::Uuid;

use crate::app::AppName;
use crate::member::{MemberId, time_ordered_id};
use crate::ports::random::Random;
use crate::timestamp::Timestamp;

/// A session's id; carried by every token as `sid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub Uuid);

/// A device that is logged in. A refresh counts `generation` up: there is no row per token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which session this is.
    pub id: SessionId,
    /// Whose it is.
    pub member: MemberId,
    /// The app it was opened in.
    pub app: AppName,
    /// How often its refresh token was exchanged.
    pub generation: u32,
    /// When the member logged in.
    pub created_at: Timestamp,
    /// When the refresh token stops working.
    pub expires_at: Timestamp,
}

impl Session {
    /// A new session of `member` that lasts for `lifetime`.
    #[must_use]
    pub fn open(
        member: MemberId,
        app: AppName,
        lifetime: Duration,
        now: Timestamp,
        random: &dyn Random,
    ) -> Self {
        Self {
            id: SessionId(time_ordered_id(now, random)),
            member,
            app,
            generation: 0,
            created_at: now,
            expires_at: now.plus(lifetime),
        }
    }
}
