//! Use cases whose interleavings are explored.

/// Member of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Person {
    /// The older member, with an openid in the first app and two sessions, which is the maximum.
    A,
    /// The younger member, with an openid in the second app, a union id and a session.
    B,
}

/// Administrator of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    Ann,
    Bob,
}

/// Use case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    LogIn(Person),
    /// First login of B in the third app, which the union id identifies.
    LogInThirdApp,
    /// Login of A with the union id of B, which merges both.
    LogInMerge,
    /// Login of A with the union id of B, in which A chooses to stay separate.
    LogInSeparate,
    Refresh(Person),
    LogOut(Person),
    LogOutEverywhere(Person),
    Ban(Person),
    /// Unban. The member is banned when the case begins.
    Unban(Person),
    Erase(Person),
    /// Binding of a phone number, the same one for both.
    BindPhone(Person),
    UpdateProfile(Person),
    /// Deactivation of the other administrator.
    Deactivate(Actor),
    /// Demotion of the other administrator to a viewer.
    Demote(Actor),
    /// Ban of A by an administrator.
    BanBy(Actor),
    /// End of all sessions of A by an administrator.
    EndSessionsBy(Actor),
    SignIn(Actor),
    ChangePassword(Actor),
}

impl Operation {
    pub(super) const ALL: [Self; 30] = [
        Self::LogIn(Person::A),
        Self::LogIn(Person::B),
        Self::LogInThirdApp,
        Self::LogInMerge,
        Self::LogInSeparate,
        Self::Refresh(Person::A),
        Self::Refresh(Person::B),
        Self::LogOut(Person::A),
        Self::LogOut(Person::B),
        Self::LogOutEverywhere(Person::A),
        Self::LogOutEverywhere(Person::B),
        Self::Ban(Person::A),
        Self::Ban(Person::B),
        Self::Unban(Person::A),
        Self::Unban(Person::B),
        Self::Erase(Person::A),
        Self::Erase(Person::B),
        Self::BindPhone(Person::A),
        Self::BindPhone(Person::B),
        Self::UpdateProfile(Person::A),
        Self::UpdateProfile(Person::B),
        Self::Deactivate(Actor::Ann),
        Self::Deactivate(Actor::Bob),
        Self::Demote(Actor::Ann),
        Self::Demote(Actor::Bob),
        Self::BanBy(Actor::Bob),
        Self::EndSessionsBy(Actor::Bob),
        Self::SignIn(Actor::Ann),
        Self::SignIn(Actor::Bob),
        Self::ChangePassword(Actor::Bob),
    ];

    /// Returns `true` if the use case ends sessions of members.
    pub(super) const fn ends_sessions(self) -> bool {
        match self {
            Self::LogOut(_)
            | Self::LogOutEverywhere(_)
            | Self::LogInMerge
            | Self::Ban(_)
            | Self::Unban(_)
            | Self::Erase(_)
            | Self::BanBy(_)
            | Self::EndSessionsBy(_) => true,
            Self::LogIn(_)
            | Self::LogInThirdApp
            | Self::LogInSeparate
            | Self::Refresh(_)
            | Self::BindPhone(_)
            | Self::UpdateProfile(_)
            | Self::Deactivate(_)
            | Self::Demote(_)
            | Self::SignIn(_)
            | Self::ChangePassword(_) => false,
        }
    }

    /// Returns `true` if the use case removes identities.
    pub(super) const fn removes_identities(self) -> bool {
        matches!(self, Self::Erase(_))
    }
}
