//! Conflict policy: account linking if two members turn out to be the same person.

use strum::{EnumString, IntoStaticStr, VariantNames};

/// Policy of an app for two members that belong to the same person. The conflict arises if one member
/// was created before the provider revealed the union id that identifies the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ConflictPolicy {
    /// Merges the members. If a merge would lose one of two phone numbers, the user must choose.
    #[default]
    Merge,
    /// Lets the user choose.
    Ask,
    /// Keeps both members with their present subjects.
    Refuse,
}

/// Choice of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum ConflictResolution {
    /// Merge the two members.
    Merge,
    /// Keep the two members.
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

    /// Returns the resolution of a conflict; `None` if the user must choose first. `lossless` states
    /// that a merge would lose no data of either member.
    #[must_use]
    pub fn resolve(
        self,
        choice: Option<ConflictResolution>,
        lossless: bool,
    ) -> Option<ConflictResolution> {
        match (self, choice) {
            (Self::Refuse, _) => Some(ConflictResolution::Separate),
            (Self::Merge, None) if lossless => Some(ConflictResolution::Merge),
            (Self::Merge | Self::Ask, choice) => choice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_policy_asks_when_a_phone_would_be_lost() {
        assert_eq!(ConflictPolicy::Merge.resolve(None, true), Some(ConflictResolution::Merge));
        assert_eq!(ConflictPolicy::Merge.resolve(None, false), None);
        assert_eq!(
            ConflictPolicy::Merge.resolve(Some(ConflictResolution::Merge), false),
            Some(ConflictResolution::Merge)
        );
    }

    #[test]
    fn ask_policy_uses_choice_and_refuse_policy_ignores_it() {
        for choice in [ConflictResolution::Merge, ConflictResolution::Separate] {
            assert_eq!(ConflictPolicy::Ask.resolve(Some(choice), true), Some(choice));
            let refused = ConflictPolicy::Refuse.resolve(Some(choice), true);
            assert_eq!(refused, Some(ConflictResolution::Separate));
        }
        assert_eq!(ConflictPolicy::Ask.resolve(None, true), None);
        assert_eq!(ConflictPolicy::Refuse.resolve(None, true), Some(ConflictResolution::Separate));
    }
}
