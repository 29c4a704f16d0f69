//! What an app shows to WeChat to be believed: its secret, and while one is put in another's place both.

use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::SecretString;

use super::WechatApp;
use super::call_error::CallError;

/// The secrets of an app, of which WeChat takes one.
#[derive(Debug)]
pub(super) struct Credentials {
    current: SecretString,
    former: Option<SecretString>,
    /// Whether WeChat took the former one last, and not the current one.
    former_is_good: AtomicBool,
}

/// One of the secrets, for one call.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    credentials: &'a Credentials,
    former: bool,
    /// Whether the other one was refused already.
    second: bool,
}

impl Credentials {
    pub(super) fn new(app: &WechatApp) -> Self {
        let (current, former) = (app.secret.clone(), app.former_secret.clone());
        Self { current, former, former_is_good: AtomicBool::new(false) }
    }

    /// The secret that WeChat took last.
    pub(super) fn turn(&self) -> Turn<'_> {
        let former = self.former_is_good.load(Ordering::Relaxed);
        Turn { credentials: self, former, second: false }
    }
}

impl Turn<'_> {
    pub(super) fn secret(&self) -> &SecretString {
        let Credentials { current, former, .. } = self.credentials;
        former.as_ref().filter(|_| self.former).unwrap_or(current)
    }

    /// The turn of the other secret, if WeChat refused this one for being wrong. It has not looked at
    /// anything else then: to a caller it does not believe it tells nothing of a code, nor spends it.
    pub(super) fn next<T>(self, outcome: &Result<T, CallError>) -> Option<Self> {
        let refused = outcome.as_ref().is_err_and(CallError::is_wrong_secret);
        if refused {
            let other = self.credentials.former.is_some() && !self.second;
            return other.then_some(Self { former: !self.former, second: true, ..self });
        }
        if self.second && outcome.is_ok() {
            self.credentials.former_is_good.store(self.former, Ordering::Relaxed);
            let good = if self.former { "former" } else { "current" };
            tracing::info!(good, "WeChat takes the app's other secret from now on");
        }
        None
    }
}
