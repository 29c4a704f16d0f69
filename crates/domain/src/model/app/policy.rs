//! Settings of an app: sign-in policy, account linking and token lifetimes.

use std::time::Duration;

use crate::model::identity::conflict_policy::ConflictPolicy;
use crate::model::session::SessionPolicy;

/// Settings of an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppPolicy {
    /// `true` if the first login of an unknown user creates a member.
    pub auto_register: bool,
    /// `true` if a login requires the member to have a phone number.
    pub phone_required: bool,
    /// Policy for two members that turn out to be the same person.
    pub on_conflict: ConflictPolicy,
    /// Open Platform account of the app. Union ids are comparable within one account; `None` if the app
    /// belongs to none.
    pub open_platform: Option<String>,
    /// `true` if the provider's session keys of the app's users are stored.
    pub store_session_keys: bool,
    /// Token and session lifetimes that differ from the defaults.
    pub lifetimes: TokenLifetimes,
}

impl Default for AppPolicy {
    fn default() -> Self {
        Self {
            auto_register: true,
            phone_required: false,
            on_conflict: ConflictPolicy::default(),
            open_platform: None,
            store_session_keys: false,
            lifetimes: TokenLifetimes::default(),
        }
    }
}

/// Lifetimes of an app's tokens and sessions; `None` means the service's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenLifetimes {
    /// Lifetime of an access token.
    pub access: Option<Duration>,
    /// Maximum idle time of a session: time since its last refresh.
    pub idle: Option<Duration>,
    /// Maximum lifetime of a session.
    pub absolute: Option<Duration>,
}

impl TokenLifetimes {
    /// Returns the lifetime of an access token. It never exceeds `default`, because signing keys are
    /// retained for that long only.
    #[must_use]
    pub fn access(&self, default: Duration) -> Duration {
        self.access.map_or(default, |own| own.min(default))
    }

    /// Returns the session policy of the app: `default` with the app's own lifetimes.
    #[must_use]
    pub fn sessions(&self, default: &SessionPolicy) -> SessionPolicy {
        SessionPolicy {
            idle: self.idle.unwrap_or(default.idle),
            absolute: self.absolute.unwrap_or(default.absolute),
            ..*default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn app_can_only_shorten_the_access_token_lifetime() {
        let lifetimes = |access| TokenLifetimes { access, ..TokenLifetimes::default() };
        assert_eq!(lifetimes(None).access(HOUR), HOUR);
        assert_eq!(lifetimes(Some(HOUR / 2)).access(HOUR), HOUR / 2);
        assert_eq!(lifetimes(Some(HOUR * 2)).access(HOUR), HOUR);
    }

    #[test]
    fn app_session_lifetimes_override_the_defaults() {
        let default =
            SessionPolicy { idle: HOUR, absolute: HOUR * 9, grace: HOUR / 60, per_member: 3 };
        let own =
            TokenLifetimes { idle: Some(HOUR * 2), ..TokenLifetimes::default() }.sessions(&default);
        let settings = (own.idle, own.absolute, own.grace, own.per_member);
        assert_eq!(settings, (HOUR * 2, HOUR * 9, HOUR / 60, 3));
    }
}
