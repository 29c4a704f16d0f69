//! State of one app: its users, their openids and its quotas.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::AppConfig;
use crate::errcode::Errcode;
use crate::state::app_user::AppUser;
use crate::state::quota::{Allowance, Usage, day};

/// Calls of `clear_quota` that WeChat allows an app in a month.
const MAX_CLEARS_PER_MONTH: u32 = 10;

/// One app.
pub(crate) struct App {
    pub(crate) config: AppConfig,
    /// App users by user name.
    users: HashMap<Arc<str>, AppUser>,
    /// User names by openid.
    openids: HashMap<String, Arc<str>>,
    /// Usage by endpoint path.
    usage: HashMap<&'static str, Usage>,
    /// Month of the last `clear_quota`.
    clears_month: u64,
    /// Calls of `clear_quota` in that month.
    clears: u32,
}

impl App {
    pub(crate) fn new(config: AppConfig) -> Self {
        Self {
            config,
            users: HashMap::new(),
            openids: HashMap::new(),
            usage: HashMap::new(),
            clears_month: 0,
            clears: 0,
        }
    }

    /// Records that the user obtained a code; creates the app user or renews its session key.
    pub(crate) fn obtain_code(
        &mut self,
        name: &Arc<str>,
        session_key_min_age: Duration,
        now: Timestamp,
    ) {
        if let Some(user) = self.users.get_mut(name) {
            return user.obtain_code(session_key_min_age, now);
        }
        let user = AppUser::new(&self.config.app_id, name, now);
        self.openids.insert(user.openid.clone(), name.clone());
        self.users.insert(name.clone(), user);
    }

    /// Finds a user who has obtained a code in this app.
    pub(crate) fn user(&mut self, name: &str) -> Option<&mut AppUser> {
        self.users.get_mut(name)
    }

    /// Finds a user by openid. An openid exists once its user has obtained a code in this app.
    pub(crate) fn user_by_openid(&mut self, openid: &str) -> Option<&mut AppUser> {
        let name = self.openids.get(openid)?;
        self.users.get_mut(name)
    }

    /// Counts a call of an endpoint and rejects it above the allowance if limits are `enforced`.
    pub(crate) fn count_call(
        &mut self,
        path: &'static str,
        allowance: Allowance,
        now: Timestamp,
        enforced: bool,
    ) -> Result<(), Errcode> {
        self.usage.entry(path).or_default().count_call(allowance, now, enforced)
    }

    /// Number of calls of an endpoint today.
    pub(crate) fn calls_today(&self, path: &str, now: Timestamp) -> u64 {
        self.usage.get(path).map_or(0, |usage| usage.calls_today(now))
    }

    /// Resets all counts, up to ten times in a month of 30 days.
    pub(crate) fn clear_quota(&mut self, now: Timestamp) -> Result<(), Errcode> {
        let month = day(now) / 30;
        if self.clears_month != month {
            self.clears_month = month;
            self.clears = 0;
        }
        if self.clears >= MAX_CLEARS_PER_MONTH {
            return Err(Errcode::NO_CLEARS_LEFT);
        }
        self.clears += 1;
        self.usage.clear();
        Ok(())
    }
}
