//! State of a sandbox, behind one lock.

pub(crate) mod app;
pub(crate) mod app_user;
pub(crate) mod codes;
pub(crate) mod quota;
pub(crate) mod tokens;
pub mod users;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::errcode::Errcode;
use crate::error::ControlError;
use crate::fault::Faults;
use crate::log::Log;
use crate::state::app::App;
use crate::state::codes::Codes;
use crate::state::tokens::Tokens;
use crate::state::users::User;

/// Shared state of one sandbox. The lock is never held across an `await`.
pub(crate) struct SharedState(Mutex<State>);

impl SharedState {
    pub(crate) fn new(state: State) -> Self {
        Self(Mutex::new(state))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// State of one sandbox.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    /// Apps by app id.
    pub(crate) apps: HashMap<Arc<str>, App>,
    /// Users by name.
    pub(crate) users: BTreeMap<Arc<str>, User>,
    pub(crate) login_codes: Codes<LoginCode>,
    pub(crate) phone_codes: Codes<PhoneCode>,
    pub(crate) tokens: Tokens,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
}

/// Data behind a login code.
pub(crate) struct LoginCode {
    pub(crate) app_id: Arc<str>,
    pub(crate) user: Arc<str>,
}

/// Data behind a phone code. The number is the one the user had when the button was tapped.
#[derive(Clone)]
pub(crate) struct PhoneCode {
    pub(crate) app_id: Arc<str>,
    pub(crate) openid: String,
    pub(crate) phone: String,
    pub(crate) country_code: String,
    pub(crate) tapped_at: Timestamp,
}

impl State {
    /// State of the first start.
    pub(crate) fn new(config: Config) -> Result<Self, ControlError> {
        let mut state = Self {
            clock: Clock::default(),
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

    /// Restores the first start: apps, users, codes, tokens, faults, log and clock.
    pub(crate) fn reset(&mut self) -> Result<(), ControlError> {
        let fresh = Self::new(self.config.clone())?;
        // The log is emptied, not replaced: calls in progress still refer to their entries.
        let mut log = std::mem::replace(self, fresh).log;
        log.clear();
        self.log = log;
        Ok(())
    }

    /// Current time on the sandbox's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time that a watermark shows for a timestamp of the sandbox's clock.
    pub(crate) fn watermark_time(&self, at: Timestamp) -> Timestamp {
        if self.config.watermarks_by_own_clock { at } else { self.clock.to_machine_time(at) }
    }

    /// Checks an app id and secret. The error for a wrong secret depends on the endpoint.
    pub(crate) fn check_credentials(
        &self,
        app_id: &str,
        secret: &str,
        wrong_secret: Errcode,
    ) -> Result<Arc<str>, Errcode> {
        let (app_id, app) = self.apps.get_key_value(app_id).ok_or(Errcode::INVALID_APPID)?;
        if app.config.secret != secret {
            return Err(wrong_secret);
        }
        Ok(app_id.clone())
    }
}
