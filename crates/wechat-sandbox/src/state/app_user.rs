//! State of one user in one app: openid, session key and last activity.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::clock::Timestamp;
use crate::ids;
use crate::state::quota::Window;

/// Lifetime of a session key without activity of the user. WeChat publishes no figure.
const SESSION_KEY_TTL: Duration = Duration::from_hours(30 * 24);

/// One user in one app.
pub(crate) struct AppUser {
    pub(crate) openid: String,
    pub(crate) session: Session,
    /// Last activity of the user in the app.
    pub(crate) last_active: Timestamp,
    /// Logins, for the limit of 100 per minute.
    pub(crate) logins: Window,
}

impl AppUser {
    pub(crate) fn new(app_id: &str, user: &str, now: Timestamp) -> Self {
        Self {
            openid: ids::openid(app_id, user),
            session: Session::new(now),
            last_active: now,
            logins: Window::default(),
        }
    }

    /// Records that the user obtained a code in the app.
    ///
    /// In WeChat this call may change the session key; the server's later exchange of the code
    /// does not. WeChat does not publish the minimum interval between two changes: here it is
    /// `session_key_min_age`. Activity extends the lifetime of the key.
    pub(crate) fn obtain_code(&mut self, session_key_min_age: Duration, now: Timestamp) {
        let is_old_enough = now.saturating_sub(self.session.created_at) >= session_key_min_age;
        if is_old_enough || self.session.is_expired(now) {
            self.session = Session::new(now);
        }
        self.session.expires_at = now.saturating_add(SESSION_KEY_TTL);
        self.last_active = now;
    }
}

/// Session key. A user has one valid key per app at a time.
pub(crate) struct Session {
    pub(crate) key: [u8; 16],
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl Session {
    fn new(now: Timestamp) -> Self {
        Self {
            key: rand::random(),
            created_at: now,
            expires_at: now.saturating_add(SESSION_KEY_TTL),
        }
    }

    /// Wire format of the key: 24 characters of base64.
    pub(crate) fn text(&self) -> String {
        STANDARD.encode(self.key)
    }

    pub(crate) fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// Replaces the key at once. As in WeChat, the new key inherits the expiry of the old one.
    pub(crate) fn reset(&mut self, now: Timestamp) {
        *self = Self { expires_at: self.expires_at, ..Self::new(now) };
    }
}
