//! What happened to a member that systems outside may have to know.

pub mod delivery;

use uuid::Uuid;

use crate::model::id::uuid_v7;
use crate::model::member::MemberId;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// An event. It names ids only, no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainEvent {
    /// Which event this is, however often it is told.
    pub id: Uuid,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// To whom.
    pub member: MemberId,
    /// Which other member it is about: the one who was merged into this one.
    pub merged_member: Option<MemberId>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Somebody became a member.
    Registered,
    /// The member has another name, picture or gender than before.
    ProfileChanged,
    /// The member has another phone number than before.
    PhoneBound,
    /// The member has no phone number any more.
    PhoneWithdrawn,
    /// The member is kept out.
    Banned,
    /// The member is let in again.
    Unbanned,
    /// Another member turned out to be the same person, and is now this one. What this one had not, the
    /// other's was taken over.
    Merged,
    /// The member is no more.
    Erased,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Registered,
        Self::ProfileChanged,
        Self::PhoneBound,
        Self::PhoneWithdrawn,
        Self::Banned,
        Self::Unbanned,
        Self::Merged,
        Self::Erased,
    ];

    /// What it is called wherever it is written down.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registered => "member.registered",
            Self::ProfileChanged => "member.profile_changed",
            Self::PhoneBound => "member.phone_bound",
            Self::PhoneWithdrawn => "member.phone_withdrawn",
            Self::Banned => "member.banned",
            Self::Unbanned => "member.unbanned",
            Self::Merged => "member.merged",
            Self::Erased => "member.erased",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl DomainEvent {
    /// Something that happened now.
    #[must_use]
    pub fn new(kind: EventKind, member: MemberId, now: Timestamp, random: &dyn Random) -> Self {
        Self { id: uuid_v7(now, random), at: now, kind, member, merged_member: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(EventKind::from_name("member.sneezed"), None);
    }
}
