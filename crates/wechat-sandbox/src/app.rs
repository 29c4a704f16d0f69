//! One app and everything that happened in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::AppConfig;
use crate::errcode::Errcode;
use crate::quota::{Allowance, Usage, day};
use crate::state::Moment;
use crate::visit::Visit;

/// WeChat: how often an app may have its quotas cleared in a month.
const CLEARS_A_MONTH: u32 = 10;

/// One app.
pub(crate) struct App {
    pub(crate) config: AppConfig,
    /// By the user's name.
    visits: HashMap<Arc<str>, Visit>,
    /// Users by their openid.
    openids: HashMap<String, Arc<str>>,
    /// By the endpoint's path.
    usage: HashMap<&'static str, Usage>,
    /// The month of the last clearing, and how many it saw.
    cleared: (u64, u32),
}

impl App {
    pub(crate) fn new(config: AppConfig) -> Self {
        Self {
            config,
            visits: HashMap::new(),
            openids: HashMap::new(),
            usage: HashMap::new(),
            cleared: (0, 0),
        }
    }

    /// The user obtains a code: comes to know the app, is active, may get a new session key.
    pub(crate) fn obtain_code(&mut self, user: &Arc<str>, min_age: Duration, now: Moment) {
        if let Some(visit) = self.visits.get_mut(user) {
            return visit.obtain_code(min_age, now);
        }
        let visit = Visit::first(&self.config.app_id, user, now);
        self.openids.insert(visit.openid.clone(), user.clone());
        self.visits.insert(user.clone(), visit);
    }

    /// What is known of a user who has been here.
    pub(crate) fn visit(&mut self, user: &str) -> Option<&mut Visit> {
        self.visits.get_mut(user)
    }

    /// What is known of the user with this openid; only users who have been here have one.
    pub(crate) fn visit_by_openid(&mut self, openid: &str) -> Option<&mut Visit> {
        let user = self.openids.get(openid)?;
        self.visits.get_mut(user)
    }

    /// Counts a call of an endpoint, and refuses it if limits are `enforced` and it is too many.
    pub(crate) fn spend(
        &mut self,
        path: &'static str,
        allowance: Allowance,
        now: Moment,
        enforced: bool,
    ) -> Result<(), Errcode> {
        self.usage.entry(path).or_default().spend(allowance, now, enforced)
    }

    /// The calls of an endpoint this day.
    pub(crate) fn used(&self, path: &str, now: Moment) -> u64 {
        self.usage.get(path).map_or(0, |usage| usage.used(now))
    }

    /// Sets every count back to nothing, at most ten times a month (of 30 days, here).
    pub(crate) fn clear_quota(&mut self, now: Moment) -> Result<(), Errcode> {
        let month = day(now) / 30;
        let (last, count) = self.cleared;
        let count = if last == month { count } else { 0 };
        if count >= CLEARS_A_MONTH {
            return Err(Errcode::NO_CLEARS_LEFT);
        }
        self.cleared = (month, count + 1);
        self.usage.clear();
        Ok(())
    }
}
