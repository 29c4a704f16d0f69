//! Two members who turn out to be one person, and who says what becomes of them.

use strum::{EnumString, IntoStaticStr, VariantNames};

/// What an app does when its provider says that two members are one person: one was made before the
/// provider told the union id that the other is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ConflictPolicy {
    /// Makes one member of them. Where that would cost one of two phone numbers, the client is asked.
    #[default]
    Merge,
    /// Has the client ask.
    Ask,
    /// Leaves both as they are: each goes on with the ids it has.
    Refuse,
}

/// What the person wants, as the client asked them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ConflictResolution {
    /// To be one member.
    Merge,
    /// To stay two.
    Separate,
}

impl ConflictResolution {
    /// Public names of the resolutions.
    pub const NAMES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;

    /// Returns the resolution with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

impl ConflictPolicy {
    /// Stored and public names of the policies.
    pub const NAMES: &'static [&'static str] = <Self as VariantNames>::VARIANTS;

    /// Stored and public name of the policy.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Returns the policy with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// What becomes of the two; `None` where the client has to ask first. `costs_nothing` tells that a
    /// merger would lose nothing of either.
    #[must_use]
    pub fn resolve(
        self,
        choice: Option<ConflictResolution>,
        costs_nothing: bool,
    ) -> Option<ConflictResolution> {
        match (self, choice) {
            (Self::Refuse, _) => Some(ConflictResolution::Separate),
            (Self::Merge, None) if costs_nothing => Some(ConflictResolution::Merge),
            (Self::Merge | Self::Ask, choice) => choice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_without_being_asked_for() {
        assert_eq!(ConflictPolicy::Merge.resolve(None, true), Some(ConflictResolution::Merge));
        assert_eq!(ConflictPolicy::Merge.resolve(None, false), None);
        assert_eq!(
            ConflictPolicy::Merge.resolve(Some(ConflictResolution::Merge), false),
            Some(ConflictResolution::Merge)
        );
    }

    #[test]
    fn who_is_asked_decides_and_who_refuses_is_not_overruled() {
        for choice in [ConflictResolution::Merge, ConflictResolution::Separate] {
            assert_eq!(ConflictPolicy::Ask.resolve(Some(choice), true), Some(choice));
            let refused = ConflictPolicy::Refuse.resolve(Some(choice), true);
            assert_eq!(refused, Some(ConflictResolution::Separate));
        }
        assert_eq!(ConflictPolicy::Ask.resolve(None, true), None);
        assert_eq!(ConflictPolicy::Refuse.resolve(None, true), Some(ConflictResolution::Separate));
    }
}
