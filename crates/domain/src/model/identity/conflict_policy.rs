//! Two members who turn out to be one person, and who says what becomes of them.

/// What an app does when its provider says that two members are one person: one was made before the
/// provider told the union id that the other is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// To be one member.
    Merge,
    /// To stay two.
    Separate,
}

impl ConflictPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Merge, Self::Ask, Self::Refuse];

    /// What it is called wherever it is written down.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Ask => "ask",
            Self::Refuse => "refuse",
        }
    }

    /// The policy of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// What becomes of the two; `None` where the client has to ask first. `costs_nothing` tells that a
    /// merger would lose nothing of either.
    #[must_use]
    pub fn settle(self, choice: Option<Choice>, costs_nothing: bool) -> Option<Choice> {
        match (self, choice) {
            (Self::Refuse, _) => Some(Choice::Separate),
            (Self::Merge, None) if costs_nothing => Some(Choice::Merge),
            (Self::Merge | Self::Ask, choice) => choice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_without_being_asked_for() {
        assert_eq!(ConflictPolicy::Merge.settle(None, true), Some(Choice::Merge));
        assert_eq!(ConflictPolicy::Merge.settle(None, false), None);
        assert_eq!(ConflictPolicy::Merge.settle(Some(Choice::Merge), false), Some(Choice::Merge));
    }

    #[test]
    fn who_is_asked_decides_and_who_refuses_is_not_overruled() {
        for choice in [Choice::Merge, Choice::Separate] {
            assert_eq!(ConflictPolicy::Ask.settle(Some(choice), true), Some(choice));
            let refused = ConflictPolicy::Refuse.settle(Some(choice), true);
            assert_eq!(refused, Some(Choice::Separate));
        }
        assert_eq!(ConflictPolicy::Ask.settle(None, true), None);
        assert_eq!(ConflictPolicy::Refuse.settle(None, true), Some(Choice::Separate));
    }
}
