//! What is asked of those who log in to an app, and for how long they stay.

use std::time::Duration;

use crate::model::identity::conflict_policy::ConflictPolicy;
use crate::model::session::SessionPolicy;

/// What is configurable about an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppPolicy {
    /// Whether someone unknown becomes a member by logging in.
    pub auto_register: bool,
    /// Whether every member of this app must have a phone number.
    pub phone_required: bool,
    /// What becomes of two members who turn out to be one person.
    pub on_conflict: ConflictPolicy,
    /// The group of apps whose union ids are comparable; `None` where there is no such group.
    pub open_platform: Option<String>,
    /// Whether the provider's session keys of its users are kept.
    pub store_session_keys: bool,
    /// How long its logins last, where that is not as usual.
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

/// How long the tokens and sessions of an app last; `None` is as usual here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenLifetimes {
    /// How long an access token is good for.
    pub access: Option<Duration>,
    /// How long a session lasts that is not refreshed.
    pub idle: Option<Duration>,
    /// How long a session lasts at most.
    pub absolute: Option<Duration>,
}

impl TokenLifetimes {
    /// How long an access token is good for where it is `usual` for others: never longer than that, since
    /// a key that signed it is kept for no longer.
    #[must_use]
    pub fn access(&self, usual: Duration) -> Duration {
        self.access.map_or(usual, |own| own.min(usual))
    }

    /// How long sessions last where `usual` holds for others.
    #[must_use]
    pub fn sessions(&self, usual: &SessionPolicy) -> SessionPolicy {
        SessionPolicy {
            idle: self.idle.unwrap_or(usual.idle),
            absolute: self.absolute.unwrap_or(usual.absolute),
            ..*usual
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn an_app_may_shorten_access_tokens_and_never_make_them_outlive_their_key() {
        let lives = |access| TokenLifetimes { access, ..TokenLifetimes::default() };
        assert_eq!(lives(None).access(HOUR), HOUR);
        assert_eq!(lives(Some(HOUR / 2)).access(HOUR), HOUR / 2);
        assert_eq!(lives(Some(HOUR * 2)).access(HOUR), HOUR);
    }

    #[test]
    fn sessions_last_as_the_app_says_and_else_as_usual() {
        let usual =
            SessionPolicy { idle: HOUR, absolute: HOUR * 9, grace: HOUR / 60, per_member: 3 };
        let own =
            TokenLifetimes { idle: Some(HOUR * 2), ..TokenLifetimes::default() }.sessions(&usual);
        let told = (own.idle, own.absolute, own.grace, own.per_member);
        assert_eq!(told, (HOUR * 2, HOUR * 9, HOUR / 60, 3));
    }
}
