//! Errors of calls to WeChat, for the log and for the reaction of the caller.
//!
//! Errors never contain a URL, the app secret, a code, a session key, a token or a phone number.

use std::sync::Arc;
use std::time::Duration;

use domain::model::timestamp::Timestamp;
use domain::ports::provider::{ProviderError, ProviderFailure};

use super::endpoint::Endpoint;
use super::errcode::{Class, RETRY_AFTER, Row};

/// Failed call to WeChat.
#[derive(Debug, thiserror::Error)]
#[error("the call of WeChat's {} failed", endpoint.path())]
pub(super) struct CallError {
    endpoint: Endpoint,
    #[source]
    cause: Cause,
}

/// Cause of a failed call.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cause {
    #[error("not sent: the text is not a WeChat code")]
    MalformedCode,
    #[error("not sent: the user is not identified by an openid of this app")]
    OtherAppsUser,
    #[error("not sent: no access token")]
    NoToken(#[source] Arc<CallError>),
    #[error("connection failed")]
    Connect(#[source] reqwest::Error),
    #[error("transport error")]
    Transport(#[source] reqwest::Error),
    #[error("no response within {0:?}")]
    Timeout(Duration),
    #[error("the call was abandoned")]
    Abandoned,
    #[error("unexpected HTTP status {0}")]
    Status(u16),
    #[error("the response is too large")]
    ResponseTooLarge,
    #[error("invalid response: {0}")]
    InvalidResponse(&'static str),
    #[error("untrusted response: {0}")]
    Untrusted(&'static str),
    #[error("{0}")]
    Refused(Refusal),
    #[error(
        "{0}, after an attempt that WeChat was too busy for and that may have redeemed the code"
    )]
    RefusedAfterBusy(Refusal),
}

/// Refusal by WeChat, as far as its content is safe to log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Errcode other than 0.
    pub(super) code: i64,
    /// Request id by which WeChat's support finds the call.
    pub(super) rid: Option<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meaning = Row::find(self.code).map_or("unknown code", Row::meaning);
        write!(f, "errcode {} ({meaning}), rid {}", self.code, self.rid.as_deref().unwrap_or("-"))
    }
}

impl Cause {
    /// Adds the endpoint of the failed call.
    pub(super) fn at(self, endpoint: Endpoint) -> CallError {
        CallError { endpoint, cause: self }
    }
}

impl CallError {
    /// Class of the errcode, if WeChat refused the call.
    pub(super) fn class(&self) -> Option<Class> {
        self.refusal().map(|refusal| Class::of(refusal.code, self.endpoint))
    }

    /// Reports whether WeChat rejected the app secret. At the access token endpoint the errcode for that is
    /// 40001.
    pub(super) fn is_wrong_secret(&self) -> bool {
        let code = self.refusal().map(|refusal| refusal.code);
        match self.endpoint {
            Endpoint::StableToken => matches!(code, Some(40001 | 40125)),
            Endpoint::CodeToSession => code == Some(40125),
            Endpoint::PhoneNumber | Endpoint::CheckSession | Endpoint::ResetSession => false,
        }
    }

    /// Value of the metric label `class`.
    pub(super) fn label(&self) -> &'static str {
        match &self.cause {
            Cause::MalformedCode | Cause::OtherAppsUser | Cause::NoToken(_) => "not_sent",
            Cause::Connect(_) => "connect_error",
            Cause::Transport(_) => "transport_error",
            Cause::Timeout(_) | Cause::Abandoned => "timeout",
            Cause::Status(_) => "http_status",
            Cause::ResponseTooLarge | Cause::InvalidResponse(_) => "invalid_response",
            Cause::Untrusted(_) => "untrusted",
            Cause::Refused(refusal) | Cause::RefusedAfterBusy(refusal) => {
                Class::of(refusal.code, self.endpoint).label()
            }
        }
    }

    /// Marks the error as that of a second attempt, after WeChat was too busy for the first one.
    pub(super) fn after_busy(self) -> Self {
        if let Cause::Refused(refusal) = self.cause {
            Cause::RefusedAfterBusy(refusal).at(self.endpoint)
        } else {
            self
        }
    }

    /// Converts the error for the port, and logs it unless the fetch of the access token has logged it already.
    pub(super) fn report(self, now: Timestamp) -> ProviderError {
        if !matches!(self.cause, Cause::NoToken(_)) {
            self.log(now);
        }
        ProviderError::new(self.failure(now), self)
    }

    /// Logs the error for operators, without personal data.
    pub(super) fn log(&self, now: Timestamp) {
        let path = self.endpoint.path();
        let errcode = self.refusal().map(|refusal| refusal.code);
        let rid = self.refusal().and_then(|refusal| refusal.rid.as_deref());
        match self.failure(now) {
            ProviderFailure::CodeInvalid
            | ProviderFailure::CodeUsed
            | ProviderFailure::UserBlocked
            | ProviderFailure::Refused => {
                tracing::info!(path, errcode, rid, cause = %self.cause, "WeChat call refused");
            }
            failure @ (ProviderFailure::Throttled { .. }
            | ProviderFailure::Unavailable { .. }
            | ProviderFailure::Misconfigured) => {
                tracing::warn!(path, errcode, rid, ?failure, cause = %self.cause, "WeChat call failed");
            }
        }
    }

    /// Failure of the port, which determines the reaction of the caller.
    pub(super) fn failure(&self, now: Timestamp) -> ProviderFailure {
        match &self.cause {
            Cause::MalformedCode => ProviderFailure::CodeInvalid,
            Cause::OtherAppsUser | Cause::Untrusted(_) => ProviderFailure::Misconfigured,
            Cause::NoToken(error) => error.failure(now),
            Cause::Connect(_)
            | Cause::Transport(_)
            | Cause::Timeout(_)
            | Cause::Abandoned
            | Cause::Status(_)
            | Cause::ResponseTooLarge
            | Cause::InvalidResponse(_) => {
                ProviderFailure::Unavailable { retry_after: RETRY_AFTER }
            }
            Cause::Refused(refusal) => Class::of(refusal.code, self.endpoint).failure(now),
            Cause::RefusedAfterBusy(refusal) => {
                let failure = Class::of(refusal.code, self.endpoint).failure(now);
                // The first attempt of this call redeemed the code and its response was lost, so this is not a
                // replay of the code.
                if failure == ProviderFailure::CodeUsed {
                    return ProviderFailure::CodeInvalid;
                }
                failure
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
