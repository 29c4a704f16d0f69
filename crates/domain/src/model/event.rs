//! Domain events: changes to members that are published as webhooks.

pub mod delivery;

use strum::{EnumString, IntoStaticStr, VariantArray, VariantNames};
use uuid::Uuid;

use crate::model::id::uuid_v7;
use crate::model::member::MemberId;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// Domain event. It contains ids only, no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainEvent {
    /// Id of the event; the same in every delivery attempt.
    pub id: Uuid,
    /// Time of the event.
    pub at: Timestamp,
    /// Kind of the event.
    pub kind: EventKind,
    /// Affected member.
    pub member: MemberId,
    /// Member that was merged into the affected member.
    pub merged_member: Option<MemberId>,
}

/// Kind of a domain event.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray, VariantNames,
)]
pub enum EventKind {
    /// A member was registered.
    #[strum(serialize = "member.registered")]
    Registered,
    /// The member's nickname, avatar or gender changed.
    #[strum(serialize = "member.profile_changed")]
    ProfileChanged,
    /// A phone number was bound, or replaced another one.
    #[strum(serialize = "member.phone_bound")]
    PhoneBound,
    /// The member withdrew their phone number.
    #[strum(serialize = "member.phone_withdrawn")]
    PhoneWithdrawn,
    /// The member was banned.
    #[strum(serialize = "member.banned")]
    Banned,
    /// The member's ban was lifted.
    #[strum(serialize = "member.unbanned")]
    Unbanned,
    /// Another member of the same person was merged into this one. Data missing in this member was taken
    /// from the other.
    #[strum(serialize = "member.merged")]
    Merged,
    /// The member was erased.
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
    /// Creates an event that happened at `now`.
    #[must_use]
    pub fn new(kind: EventKind, member: MemberId, now: Timestamp, random: &dyn Random) -> Self {
        Self { id: uuid_v7(now, random), at: now, kind, member, merged_member: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_kind_names_are_unique() {
        for &kind in EventKind::ALL {
            assert_eq!(EventKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(EventKind::from_name("member.sneezed"), None);
    }
}
