//! App secrets: the current one and, during a rotation, the former one.

use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;

use super::WechatApp;
use super::call_error::CallError;

/// Secrets of an app, one of which WeChat accepts.
#[derive(Debug)]
pub(super) struct Credentials {
    current: SecretString,
    former: Option<SecretString>,
    /// True if WeChat last accepted the former secret rather than the current one.
    former_is_accepted: AtomicBool,
}

/// One of the two secrets, for one call.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    credentials: &'a Credentials,
    is_former: bool,
    /// True if the other secret has already been rejected.
    is_second: bool,
}

impl Credentials {
    pub(super) fn new(app: &WechatApp) -> Self {
        Self {
            current: app.secret.clone(),
            former: app.former_secret.clone(),
            former_is_accepted: AtomicBool::new(false),
        }
    }

    /// First attempt of a call, with the secret that WeChat accepted last.
    pub(super) fn first_attempt(&self) -> Attempt<'_> {
        let is_former = self.former_is_accepted.load(Ordering::Relaxed);
        Attempt { credentials: self, is_former, is_second: false }
    }
}

impl Attempt<'_> {
    pub(super) fn secret(&self) -> &SecretString {
        let Credentials { current, former, .. } = self.credentials;
        former.as_ref().filter(|_| self.is_former).unwrap_or(current)
    }

    /// Attempt with the other secret, if WeChat rejected this one. WeChat checks the secret before anything else,
    /// so the rejected attempt neither redeemed the code nor revealed anything about it.
    pub(super) fn next<T>(self, outcome: &Result<T, CallError>) -> Option<Self> {
        let is_rejected = outcome.as_ref().is_err_and(CallError::is_wrong_secret);
        if is_rejected {
            let has_other = self.credentials.former.is_some() && !self.is_second;
            return has_other.then_some(Self {
                is_former: !self.is_former,
                is_second: true,
                ..self
            });
        }
        if self.is_second && outcome.is_ok() {
            self.credentials.former_is_accepted.store(self.is_former, Ordering::Relaxed);
            let accepted = if self.is_former { "former" } else { "current" };
            tracing::info!(
                accepted,
                "WeChat accepts the other app secret, using it first from now on"
            );
        }
        None
    }
}
