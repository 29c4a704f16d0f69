//! Results of pushes and URL checks.

use serde::Serialize;

/// Result of a push.
#[derive(Clone, Debug, Serialize)]
pub struct PushReport {
    /// True if an attempt was answered with HTTP 200 in time.
    pub delivered: bool,
    /// Attempts in order, up to the first success.
    pub attempts: Vec<Attempt>,
    /// Message before encryption.
    pub message: String,
    /// Query as sent.
    pub query: String,
    /// Body as sent.
    pub body: String,
}

/// Delivery attempt with its answer or error.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// Body of the answer.
    pub answer: Option<String>,
    /// Error of an attempt without an answer.
    pub error: Option<String>,
}

/// Result of a URL check.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// True if the receiver answered with HTTP 200 and the same `echostr`.
    pub passed: bool,
    /// `echostr` as sent.
    pub echostr: String,
    /// Answer of the receiver.
    #[serde(flatten)]
    pub attempt: Attempt,
}
