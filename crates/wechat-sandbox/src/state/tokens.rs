//! Access tokens: every app has a plain token and a stable token, independent of each other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::errcode::Errcode;
use crate::ids;
use crate::state::quota::day;

/// `expires_in` of a new token in WeChat's documentation.
const TOKEN_TTL: Duration = Duration::from_hours(2);
/// Time for which WeChat accepts the previous token beside the new one.
const HANDOVER_WINDOW: Duration = Duration::from_mins(5);
/// Forced refreshes that WeChat allows an app in a day.
const MAX_FORCED_REFRESHES_PER_DAY: u32 = 20;
/// Time that WeChat requires between two forced refreshes.
const MIN_FORCED_REFRESH_INTERVAL: Duration = Duration::from_secs(30);
/// Time for which an expired token is kept, so that the error is 42001 and not 40001.
const EXPIRED_TOKEN_RETENTION: Duration = Duration::from_hours(1);

/// Access tokens of all apps.
#[derive(Default)]
pub(crate) struct Tokens {
    issued: HashMap<String, Token>,
    /// Tokens in the order of issue, for the removal of old ones.
    order: VecDeque<String>,
    /// Newest token of `/cgi-bin/token`, by app.
    plain: HashMap<Arc<str>, String>,
    /// Newest token of `/cgi-bin/stable_token`, by app.
    stable: HashMap<Arc<str>, StableToken>,
}

struct Token {
    app_id: Arc<str>,
    expires_at: Timestamp,
    /// End of validity of a token that a newer one has replaced.
    superseded_at: Option<Timestamp>,
}

#[derive(Default)]
struct StableToken {
    token: String,
    /// Day of the forced refreshes that are counted.
    forced_day: u64,
    forced_count: u32,
    last_forced: Option<Timestamp>,
}

impl Tokens {
    /// Returns the app of a token, or WeChat's error for an invalid one.
    pub(crate) fn check(&self, token: Option<&str>, now: Timestamp) -> Result<Arc<str>, Errcode> {
        let token = token.ok_or(Errcode::ACCESS_TOKEN_MISSING)?;
        if !ids::is_access_token(token) {
            return Err(Errcode::INVALID_ACCESS_TOKEN);
        }
        let known = self.issued.get(token).ok_or(Errcode::INVALID_CREDENTIAL)?;
        if known.superseded_at.is_some_and(|end| now >= end) {
            return Err(Errcode::INVALID_CREDENTIAL);
        }
        if now >= known.expires_at {
            return Err(Errcode::ACCESS_TOKEN_EXPIRED);
        }
        Ok(known.app_id.clone())
    }

    /// Issues a token as `/cgi-bin/token` does: always a new one. The previous one stays valid for
    /// five more minutes. Returns the token and its remaining lifetime.
    pub(crate) fn plain(&mut self, app_id: &Arc<str>, now: Timestamp) -> (String, Duration) {
        let token = self.issue(app_id, now);
        if let Some(old) = self.plain.insert(app_id.clone(), token.clone()) {
            self.supersede(&old, now.saturating_add(HANDOVER_WINDOW));
        }
        (token, TOKEN_TTL)
    }

    /// Returns a token as `/cgi-bin/stable_token` does: the same one until its last five minutes,
    /// or until a forced refresh, which ends it at once. A refresh that is forced too soon or too
    /// often has no effect.
    pub(crate) fn stable(
        &mut self,
        app_id: &Arc<str>,
        force: bool,
        now: Timestamp,
    ) -> (String, Duration) {
        let stable = self.stable.entry(app_id.clone()).or_default();
        let is_forced = force && stable.count_forced_refresh(now);
        let current = stable.token.clone();
        let remaining = self.issued.get(&current).map(|token| token.expires_at.saturating_sub(now));
        if let Some(remaining) = remaining
            && remaining > HANDOVER_WINDOW
            && !is_forced
        {
            return (current, remaining);
        }
        if is_forced {
            self.supersede(&current, now);
        }
        let token = self.issue(app_id, now);
        if let Some(stable) = self.stable.get_mut(app_id) {
            stable.token.clone_from(&token);
        }
        (token, TOKEN_TTL)
    }

    fn issue(&mut self, app_id: &Arc<str>, now: Timestamp) -> String {
        while let Some(oldest) = self.order.front() {
            let known = self.issued.get(oldest);
            let is_kept =
                |token: &Token| now < token.expires_at.saturating_add(EXPIRED_TOKEN_RETENTION);
            if known.is_some_and(is_kept) {
                break;
            }
            self.issued.remove(oldest);
            self.order.pop_front();
        }
        let token = ids::access_token();
        let expires_at = now.saturating_add(TOKEN_TTL);
        let issued = Token { app_id: app_id.clone(), expires_at, superseded_at: None };
        self.issued.insert(token.clone(), issued);
        self.order.push_back(token.clone());
        token
    }

    fn supersede(&mut self, token: &str, at: Timestamp) {
        if let Some(known) = self.issued.get_mut(token) {
            known.superseded_at = Some(at);
        }
    }
}

impl StableToken {
    /// Counts a forced refresh; returns false if it comes too soon or too often.
    fn count_forced_refresh(&mut self, now: Timestamp) -> bool {
        let today = day(now);
        if self.forced_day != today {
            self.forced_day = today;
            self.forced_count = 0;
        }
        let is_too_soon = self
            .last_forced
            .is_some_and(|last| now < last.saturating_add(MIN_FORCED_REFRESH_INTERVAL));
        if is_too_soon || self.forced_count >= MAX_FORCED_REFRESHES_PER_DAY {
            return false;
        }
        self.forced_count += 1;
        self.last_forced = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_removed_an_hour_after_expiry() {
        let mut tokens = Tokens::default();
        let app: Arc<str> = "wx1".into();
        let (old, _) = tokens.plain(&app, Timestamp::ZERO);
        let later = TOKEN_TTL + EXPIRED_TOKEN_RETENTION;
        tokens.plain(&app, later);
        assert_eq!(tokens.check(Some(&old), later), Err(Errcode::INVALID_CREDENTIAL));
        assert_eq!(tokens.issued.len(), 1);
        assert_eq!(tokens.order.len(), 1);
    }
}
