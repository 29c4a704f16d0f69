//! Access tokens: the plain line and the stable line of every app.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::errcode::Errcode;
use crate::ids;
use crate::quota::day;
use crate::state::Moment;

/// WeChat: `expires_in` of a new token.
const LIFE: Duration = Duration::from_hours(2);
/// WeChat: how long the old token stays good beside the new one.
const HANDOVER: Duration = Duration::from_mins(5);
/// WeChat: forced refreshes of one app in a day, and the time between two of them.
const FORCED_A_DAY: u32 = 20;
const FORCED_APART: Duration = Duration::from_secs(30);
/// How long a dead token is remembered, so that 42001 can be told from 40001.
const MEMORY: Duration = Duration::from_hours(1);

/// All access tokens.
#[derive(Default)]
pub(crate) struct Tokens {
    issued: HashMap<String, Token>,
    /// In the order of issue, so that old tokens can be forgotten.
    order: VecDeque<String>,
    /// The newest token of `/cgi-bin/token`, by app.
    plain: HashMap<Arc<str>, String>,
    /// The newest token of `/cgi-bin/stable_token`, by app.
    stable: HashMap<Arc<str>, Stable>,
}

struct Token {
    app_id: Arc<str>,
    expires: Moment,
    /// Set when a newer token took its place: it is no longer good from then on.
    retires: Option<Moment>,
}

#[derive(Default)]
struct Stable {
    token: String,
    forced_on: u64,
    forced: u32,
    last_forced: Option<Moment>,
}

impl Tokens {
    /// The app a token speaks for, or the error WeChat would answer.
    pub(crate) fn check(&self, token: Option<&str>, now: Moment) -> Result<Arc<str>, Errcode> {
        let token = token.ok_or(Errcode::ACCESS_TOKEN_MISSING)?;
        if !ids::is_access_token(token) {
            return Err(Errcode::INVALID_ACCESS_TOKEN);
        }
        let known = self.issued.get(token).ok_or(Errcode::INVALID_CREDENTIAL)?;
        if known.retires.is_some_and(|end| now >= end) {
            return Err(Errcode::INVALID_CREDENTIAL);
        }
        if now >= known.expires {
            return Err(Errcode::ACCESS_TOKEN_EXPIRED);
        }
        Ok(known.app_id.clone())
    }

    /// `/cgi-bin/token`: always a new token; the one before it is good for five more minutes.
    /// Answers the token and the life it has left.
    pub(crate) fn plain(&mut self, app_id: &Arc<str>, now: Moment) -> (String, Duration) {
        let token = self.issue(app_id, now);
        if let Some(old) = self.plain.insert(app_id.clone(), token.clone()) {
            self.retire(&old, now.saturating_add(HANDOVER));
        }
        (token, LIFE)
    }

    /// `/cgi-bin/stable_token`: the same token until its last five minutes, or until a forced
    /// refresh, which ends it at once. A refresh forced too soon or too often does not happen.
    pub(crate) fn stable(
        &mut self,
        app_id: &Arc<str>,
        force: bool,
        now: Moment,
    ) -> (String, Duration) {
        let stable = self.stable.entry(app_id.clone()).or_default();
        let force = force && stable.may_force(now);
        let current = stable.token.clone();
        let left = self.issued.get(&current).map(|token| token.expires.saturating_sub(now));
        if let Some(left) = left
            && left > HANDOVER
            && !force
        {
            return (current, left);
        }
        if force {
            self.retire(&current, now);
        }
        let token = self.issue(app_id, now);
        if let Some(stable) = self.stable.get_mut(app_id) {
            stable.token.clone_from(&token);
        }
        (token, LIFE)
    }

    fn issue(&mut self, app_id: &Arc<str>, now: Moment) -> String {
        while let Some(oldest) = self.order.front() {
            let known = self.issued.get(oldest);
            if known.is_some_and(|token| now < token.expires.saturating_add(MEMORY)) {
                break;
            }
            self.issued.remove(oldest);
            self.order.pop_front();
        }
        let token = ids::access_token();
        let expires = now.saturating_add(LIFE);
        let known = Token { app_id: app_id.clone(), expires, retires: None };
        self.issued.insert(token.clone(), known);
        self.order.push_back(token.clone());
        token
    }

    fn retire(&mut self, token: &str, end: Moment) {
        if let Some(known) = self.issued.get_mut(token) {
            known.retires = Some(end);
        }
    }
}

impl Stable {
    fn may_force(&mut self, now: Moment) -> bool {
        let today = day(now);
        if self.forced_on != today {
            (self.forced_on, self.forced) = (today, 0);
        }
        let too_soon = self.last_forced.is_some_and(|last| now < last.saturating_add(FORCED_APART));
        if too_soon || self.forced >= FORCED_A_DAY {
            return false;
        }
        self.forced += 1;
        self.last_forced = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_forgotten_an_hour_after_they_expired() {
        let mut tokens = Tokens::default();
        let app: Arc<str> = "wx1".into();
        let (old, _) = tokens.plain(&app, Moment::ZERO);
        let later = LIFE + MEMORY;
        tokens.plain(&app, later);
        assert_eq!(tokens.check(Some(&old), later), Err(Errcode::INVALID_CREDENTIAL));
        assert_eq!((tokens.issued.len(), tokens.order.len()), (1, 1));
    }
}
