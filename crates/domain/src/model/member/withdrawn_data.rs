//! Kinds of personal data that a member can withdraw.

use strum::{EnumString, IntoStaticStr};

/// Kind of personal data whose use the user has revoked at the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum WithdrawnData {
    /// Phone number.
    Phone,
    /// Nickname and avatar.
    Profile,
    /// Nickname.
    Nickname,
    /// Avatar.
    Avatar,
    /// All data: the user's account with the provider was closed.
    Account,
}

impl WithdrawnData {
    /// Stored name of the kind.
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
