//! Everything the sandbox remembers, in one place behind one lock.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::app::App;
use crate::codes::Codes;
use crate::config::Config;
use crate::control::Refused;
use crate::errcode::Errcode;
use crate::fault::Faults;
use crate::log::Log;
use crate::tokens::Tokens;
use crate::users::User;

/// A time on the sandbox's own clock, since the Unix epoch.
pub(crate) type Moment = Duration;

/// The state of one sandbox. It is never held across an `await`.
pub(crate) struct Shared(Mutex<State>);

impl Shared {
    pub(crate) fn new(state: State) -> Self {
        Self(Mutex::new(state))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Everything the sandbox remembers.
pub(crate) struct State {
    pub(crate) config: Config,
    /// How far the sandbox's clock is ahead of the machine's.
    ahead: Duration,
    /// By app id.
    pub(crate) apps: HashMap<Arc<str>, App>,
    /// By name.
    pub(crate) users: BTreeMap<Arc<str>, User>,
    pub(crate) login_codes: Codes<LoginCode>,
    pub(crate) phone_codes: Codes<PhoneCode>,
    pub(crate) tokens: Tokens,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
}

/// What a login code stands for.
pub(crate) struct LoginCode {
    pub(crate) app_id: Arc<str>,
    pub(crate) user: Arc<str>,
}

/// What a phone code stands for: the number as it was when the user tapped the button.
#[derive(Clone)]
pub(crate) struct PhoneCode {
    pub(crate) app_id: Arc<str>,
    pub(crate) openid: String,
    pub(crate) phone: String,
    pub(crate) country_code: String,
    pub(crate) tapped: Moment,
}

impl State {
    /// The state on the first start.
    pub(crate) fn new(config: Config) -> Result<Self, Refused> {
        let mut state = Self {
            ahead: Duration::ZERO,
            apps: HashMap::new(),
            users: BTreeMap::new(),
            login_codes: Codes::new(),
            phone_codes: Codes::new(),
            tokens: Tokens::default(),
            faults: Faults::default(),
            log: Log::new(config.log_capacity),
            config,
        };
        for app in state.config.apps.clone() {
            state.add_app(app)?;
        }
        for user in state.config.users.clone() {
            state.add_user(user)?;
        }
        Ok(state)
    }

    /// Back to the first start: apps, users, codes, tokens, faults, log and clock.
    pub(crate) fn reset(&mut self) -> Result<(), Refused> {
        let fresh = Self::new(self.config.clone())?;
        // The log is emptied, not replaced: calls under way still hold their places in it.
        let mut log = std::mem::replace(self, fresh).log;
        log.clear();
        self.log = log;
        Ok(())
    }

    /// The sandbox's own time.
    pub(crate) fn now(&self) -> Moment {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        real.saturating_add(self.ahead)
    }

    /// Moves the sandbox's own time on.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by);
    }

    /// A moment as a watermark tells it.
    pub(crate) fn told(&self, moment: Moment) -> Moment {
        let moved = if self.config.watermarks_by_own_clock { Duration::ZERO } else { self.ahead };
        moment.saturating_sub(moved)
    }

    /// The app of these credentials. Which error a wrong secret is depends on the endpoint.
    pub(crate) fn credentials(
        &self,
        app_id: &str,
        secret: &str,
        wrong_secret: Errcode,
    ) -> Result<Arc<str>, Errcode> {
        let (app_id, app) = self.apps.get_key_value(app_id).ok_or(Errcode::INVALID_APPID)?;
        if app.config.secret == secret { Ok(app_id.clone()) } else { Err(wrong_secret) }
    }
}
