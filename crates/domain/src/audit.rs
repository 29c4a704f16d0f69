//! What happened that matters to security, for those who look into it later.

use uuid::Uuid;

use crate::member::{MemberId, time_ordered_id};
use crate::ports::random::Random;
use crate::session::SessionId;
use crate::timestamp::Timestamp;

/// An event. It names ids only, no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// Which event this is; later ones sort later.
    pub id: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: AuditKind,
    /// To whom.
    pub member: MemberId,
    /// In which session, where it was one's doing.
    pub session: Option<SessionId>,
    /// Which other member it is about: the one who was merged into this one.
    pub other: Option<MemberId>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditKind {
    /// A refresh token was shown again after its grace; the session was ended.
    RefreshReplayed,
    /// The member was banned, and all their sessions ended.
    Banned,
    /// The member was let in again.
    Unbanned,
    /// The member was erased; this is all that tells of them.
    Erased,
    /// The login code behind the session was sent again, by somebody who does not know its request.
    LoginCodeReused,
    /// The provider named another union id than before; nobody was let in.
    UnionIdChanged,
    /// Another member turned out to be the same person, and is now this one.
    Merged,
    /// The member has another phone number than before.
    PhoneChanged,
}

impl AuditEvent {
    /// Something that happened now.
    #[must_use]
    pub fn new(
        kind: AuditKind,
        member: MemberId,
        session: Option<SessionId>,
        now: Timestamp,
        random: &dyn Random,
    ) -> Self {
        Self { id: time_ordered_id(now, random), at: now, kind, member, session, other: None }
    }
}
