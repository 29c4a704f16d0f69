//! What happened to a member that systems outside may have to know.

pub mod delivery;

use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};
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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray, VariantNames,
)]
pub enum EventKind {
    /// Somebody became a member.
    #[strum(serialize = "member.registered")]
    Registered,
    /// The member has another name, picture or gender than before.
    #[strum(serialize = "member.profile_changed")]
    ProfileChanged,
    /// The member has another phone number than before.
    #[strum(serialize = "member.phone_bound")]
    PhoneBound,
    /// The member has no phone number any more.
    #[strum(serialize = "member.phone_withdrawn")]
    PhoneWithdrawn,
    /// The member is kept out.
    #[strum(serialize = "member.banned")]
    Banned,
    /// The member is let in again.
    #[strum(serialize = "member.unbanned")]
    Unbanned,
    /// Another member turned out to be the same person, and is now this one. What this one had not, the
    /// other's was taken over.
    #[strum(serialize = "member.merged")]
    Merged,
    /// The member is no more.
    #[strum(serialize = "member.erased")]
    Erased,
}

impl EventKind {
    /// All kinds of domain events.
    pub const ALL: &'static [Self] = <Self as VariantArray>::VARIANTS;

    /// Stored and public names of the kinds, in the order of [`Self::ALL`].
    pub const NAMES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;

    /// Stored and public name of the kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
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
        for &kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(EventKind::from_name("member.sneezed"), None);
    }
}
