//! Why a call to WeChat did not do what it should: for the log, and for the caller's next step.
//!
//! Nothing here can hold a URL, the app secret, a code, a session key, a token or a phone number.

use std::sync::Arc;
use std::time::Duration;

use domain::model::timestamp::Timestamp;
use domain::ports::provider::{ProviderError, ProviderFailure};

use super::endpoint::Endpoint;
use super::errcode::{Class, RETRY_AFTER, Row};

/// A failed call.
#[derive(Debug, thiserror::Error)]
#[error("WeChat's {} failed", endpoint.path())]
pub(super) struct CallError {
    endpoint: Endpoint,
    #[source]
    cause: Cause,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cause {
    #[error("not called: the code cannot be one of WeChat's")]
    ImpossibleCode,
    #[error("not called: the user is not named by an openid of this app")]
    ForeignUser,
    #[error("not called: no access token")]
    NoToken(#[source] Arc<CallError>),
    #[error("no connection")]
    Connect(#[source] reqwest::Error),
    #[error("the exchange broke off")]
    Exchange(#[source] reqwest::Error),
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error("the call was abandoned")]
    Abandoned,
    #[error("answered with HTTP status {0}")]
    Status(u16),
    #[error("answered more than is ever needed")]
    TooLong,
    #[error("unintelligible answer: {0}")]
    Unintelligible(&'static str),
    #[error("untrustworthy answer: {0}")]
    Untrusted(&'static str),
    #[error("{0}")]
    Refused(Refusal),
    #[error("{0}, after a first try that WeChat was too busy for and that may have spent the code")]
    RefusedAfterBusy(Refusal),
}

/// WeChat's own words for a failure, as far as they are safe to repeat.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The errcode, not 0.
    pub(super) code: i64,
    /// The id under which WeChat's support finds the call.
    pub(super) rid: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meaning = Row::find(self.code).map_or("not a known code", Row::meaning);
        write!(f, "errcode {} ({meaning}), rid {}", self.code, self.rid.as_deref().unwrap_or("-"))
    }
}

impl Cause {
    /// Says which call it happened to.
    pub(super) fn at(self, endpoint: Endpoint) -> CallError {
        CallError { endpoint, cause: self }
    }
}

impl CallError {
    /// The class of the refusal, when WeChat refused.
    pub(super) fn class(&self) -> Option<Class> {
        self.refusal().map(|refusal| Class::of(refusal.code, self.endpoint))
    }

    /// Whether WeChat refused the app's secret, and so the caller: the code for that is 40001 where an
    /// access token is fetched.
    pub(super) fn is_wrong_secret(&self) -> bool {
        let code = self.refusal().map(|refusal| refusal.code);
        match self.endpoint {
            Endpoint::StableToken => matches!(code, Some(40001 | 40125)),
            Endpoint::CodeToSession => code == Some(40125),
            Endpoint::PhoneNumber | Endpoint::CheckSession | Endpoint::ResetSession => false,
        }
    }

    /// What kind of failure it is, as one of few words.
    pub(super) fn label(&self) -> &'static str {
        match &self.cause {
            Cause::ImpossibleCode | Cause::ForeignUser | Cause::NoToken(_) => "not_called",
            Cause::Connect(_) => "no_connection",
            Cause::Exchange(_) => "broken_off",
            Cause::Slow(_) | Cause::Abandoned => "given_up",
            Cause::Status(_) => "http_status",
            Cause::TooLong | Cause::Unintelligible(_) => "unintelligible",
            Cause::Untrusted(_) => "untrusted",
            Cause::Refused(refusal) | Cause::RefusedAfterBusy(refusal) => {
                Class::of(refusal.code, self.endpoint).label()
            }
        }
    }

    /// The same failure of a second try, whose first was answered "busy".
    pub(super) fn after_busy(self) -> Self {
        if let Cause::Refused(refusal) = self.cause {
            Cause::RefusedAfterBusy(refusal).at(self.endpoint)
        } else {
            self
        }
    }

    /// Hands the failure to the port, and to the log unless it stands there already.
    pub(super) fn report(self, now: Timestamp) -> ProviderError {
        if !matches!(self.cause, Cause::NoToken(_)) {
            self.log(now);
        }
        ProviderError::new(self.failure(now), self)
    }

    /// Writes what an operator needs to know, and nothing about a person.
    pub(super) fn log(&self, now: Timestamp) {
        let path = self.endpoint.path();
        let errcode = self.refusal().map(|refusal| refusal.code);
        let rid = self.refusal().and_then(|refusal| refusal.rid.as_deref());
        match self.failure(now) {
            ProviderFailure::CodeInvalid
            | ProviderFailure::CodeUsed
            | ProviderFailure::UserBlocked
            | ProviderFailure::Refused => {
                tracing::info!(path, errcode, rid, cause = %self.cause, "a code was not redeemed");
            }
            failure @ (ProviderFailure::Throttled { .. }
            | ProviderFailure::Unavailable { .. }
            | ProviderFailure::Misconfigured) => {
                tracing::warn!(path, errcode, rid, ?failure, cause = %self.cause, "WeChat failed");
            }
        }
    }

    /// What the caller can do about it.
    pub(super) fn failure(&self, now: Timestamp) -> ProviderFailure {
        match &self.cause {
            Cause::ImpossibleCode => ProviderFailure::CodeInvalid,
            Cause::ForeignUser | Cause::Untrusted(_) => ProviderFailure::Misconfigured,
            Cause::NoToken(error) => error.failure(now),
            Cause::Connect(_)
            | Cause::Exchange(_)
            | Cause::Slow(_)
            | Cause::Abandoned
            | Cause::Status(_)
            | Cause::TooLong
            | Cause::Unintelligible(_) => ProviderFailure::Unavailable { retry_after: RETRY_AFTER },
            Cause::Refused(refusal) => Class::of(refusal.code, self.endpoint).failure(now),
            Cause::RefusedAfterBusy(refusal) => {
                let failure = Class::of(refusal.code, self.endpoint).failure(now);
                // It was this very call that used the code: not a replay, only a lost answer.
                let lost = failure == ProviderFailure::CodeUsed;
                if lost { ProviderFailure::CodeInvalid } else { failure }
            }
        }
    }

    fn refusal(&self) -> Option<&Refusal> {
        if let Cause::Refused(refusal) | Cause::RefusedAfterBusy(refusal) = &self.cause {
            Some(refusal)
        } else {
            None
        }
    }
}
