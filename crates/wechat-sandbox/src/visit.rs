//! What WeChat knows of one user in one app: the openid, the session key, the last activity.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ids;
use crate::quota::Window;
use crate::state::Moment;

/// How long a session key lasts without any activity of the user. WeChat publishes no figure.
const SESSION_LIFE: Duration = Duration::from_hours(30 * 24);

/// One user in one app.
pub(crate) struct Visit {
    pub(crate) openid: String,
    pub(crate) session: Session,
    /// When the user last did something in the app.
    pub(crate) seen: Moment,
    /// Logins, for the limit of 100 a minute.
    pub(crate) logins: Window,
}

impl Visit {
    pub(crate) fn first(app_id: &str, user: &str, now: Moment) -> Self {
        Self {
            openid: ids::openid(app_id, user),
            session: Session::new(now),
            seen: now,
            logins: Window::default(),
        }
    }

    /// The user obtains a code in the app.
    ///
    /// WeChat: this is what may change the session key (not the server's later exchange), but not
    /// more often than in some period that it does not tell: here, `min_age` of the current key.
    /// Activity makes the key last longer.
    pub(crate) fn obtain_code(&mut self, min_age: Duration, now: Moment) {
        let old_enough = now.saturating_sub(self.session.made) >= min_age;
        if old_enough || self.session.is_expired(now) {
            self.session = Session::new(now);
        }
        self.session.expires = now.saturating_add(SESSION_LIFE);
        self.seen = now;
    }
}

/// A session key. There is one valid key per user and app at a time.
pub(crate) struct Session {
    pub(crate) key: [u8; 16],
    made: Moment,
    expires: Moment,
}

impl Session {
    fn new(now: Moment) -> Self {
        Self { key: rand::random(), made: now, expires: now.saturating_add(SESSION_LIFE) }
    }

    /// The key as it goes over the wire: 24 characters of base64.
    pub(crate) fn text(&self) -> String {
        STANDARD.encode(self.key)
    }

    pub(crate) fn is_expired(&self, now: Moment) -> bool {
        now >= self.expires
    }

    /// WeChat: a reset key replaces the old one at once and inherits its expiry.
    pub(crate) fn reset(&mut self, now: Moment) {
        *self = Self { expires: self.expires, ..Self::new(now) };
    }
}
