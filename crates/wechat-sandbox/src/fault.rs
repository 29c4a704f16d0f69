//! Fault injection: errors, delays and lost answers for a number of calls of one path.

use salvo::http::{HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::errcode::Errcode;
use crate::error::ControlError;
use crate::wechat_api::answer::{Answer, Family};

/// Fault that applies to the next `times` calls of a path. At least one of `errcode`, `status`,
/// `delay_ms`, `drop`, `body` and `content_type` is required.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Path of the WeChat API, for example `/sns/jscode2session`.
    pub path: String,
    /// Number of calls that the fault applies to [default: 1].
    pub times: u32,
    /// `errcode` of the answer, in the error format of the endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// `errmsg` that replaces the usual text of the `errcode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errmsg: Option<String>,
    /// HTTP status of the answer, 200 to 599. Without a body or `errcode`, the body is the error
    /// page of a gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Delay in milliseconds. On its own, the usual answer follows, even if the caller hung up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Closes the connection without an answer.
    pub drop: bool,
    /// Body of the answer. JSON other than a string is sent as JSON.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_json")]
    pub body: Option<String>,
    /// Content type of the answer. On its own, the usual answer is sent with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Applies the fault after the call has had its effects: the code is redeemed, the token
    /// issued, and the answer lost. Otherwise the call has no effects.
    pub after: bool,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            path: String::new(),
            times: 1,
            errcode: None,
            errmsg: None,
            status: None,
            delay_ms: None,
            drop: false,
            body: None,
            content_type: None,
            after: false,
        }
    }
}

impl Fault {
    /// Creates a fault of a path without an effect yet.
    #[must_use]
    pub fn at(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// Returns true if the usual answer is not sent. A delay or a content type alone keeps it.
    pub(crate) fn replaces_answer(&self) -> bool {
        self.drop || self.errcode.is_some() || self.status.is_some() || self.body.is_some()
    }

    /// Answer that replaces the usual one; none if the connection is closed.
    pub(crate) fn answer(&self, family: Family, now: Timestamp) -> Option<Answer> {
        if self.drop {
            return None;
        }
        let answer = match (&self.body, self.errcode) {
            (Some(body), _) => Answer::new(family, body.clone()),
            (None, Some(errcode)) => {
                let errmsg = self.errmsg.as_deref();
                Answer::new(family, family.error_body(Errcode(errcode), errmsg, now))
            }
            (None, None) => gateway_page(self.status()),
        };
        Some(Answer { status: self.status(), ..answer })
    }

    /// Replaces the content type of an answer if the fault has one.
    pub(crate) fn override_content_type(&self, answer: Answer) -> Answer {
        match self.content_type.as_deref().map(HeaderValue::from_str) {
            Some(Ok(content_type)) => Answer { content_type, ..answer },
            Some(Err(_)) | None => answer,
        }
    }

    fn status(&self) -> StatusCode {
        self.status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::OK)
    }

    fn check(&self) -> Result<(), ControlError> {
        let error = |message: String| Err(ControlError::new(message));
        if self.times == 0 {
            return error("times must be at least 1".into());
        }
        if !self.replaces_answer() && self.delay_ms.is_none() && self.content_type.is_none() {
            return error(
                "errcode, status, delay_ms, drop, body or content_type is required".into(),
            );
        }
        if self.drop && (self.errcode.is_some() || self.status.is_some() || self.body.is_some()) {
            return error("drop cannot be combined with errcode, status or body".into());
        }
        if self.body.is_some() && self.errcode.is_some() {
            return error("body and errcode cannot be combined".into());
        }
        if self.errmsg.is_some() && self.errcode.is_none() {
            return error("errmsg requires an errcode".into());
        }
        if self.status.is_some_and(|status| !(200..600).contains(&status)) {
            return error("status must be 200 to 599".into());
        }
        let content_type = self.content_type.as_deref().map(HeaderValue::from_str);
        if let Some(Err(invalid)) = content_type {
            return error(format!("content_type: {invalid}"));
        }
        Ok(())
    }
}

/// Error page of a gateway in front of WeChat.
fn gateway_page(status: StatusCode) -> Answer {
    let page = format!("<html><head><title>{status}</title></head><body>{status}</body></html>");
    let content_type = HeaderValue::from_static("text/html");
    Answer { status, content_type, body: page.into() }
}

fn text_or_json<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Null => None,
        Value::String(text) => Some(text),
        json @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(json.to_string())
        }
    })
}

/// Pending faults.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault. Several faults of one path apply in the order of injection.
    pub(crate) fn inject(&mut self, fault: Fault) -> Result<(), ControlError> {
        fault.check()?;
        self.0.push(fault);
        Ok(())
    }

    /// Returns the fault that applies to a call of this path, and decrements its `times`.
    pub(crate) fn take(&mut self, path: &str) -> Option<Fault> {
        let index = self.0.iter().position(|fault| fault.path == path)?;
        let fault = self.0.get_mut(index)?;
        fault.times -= 1;
        if fault.times > 0 {
            return Some(fault.clone());
        }
        Some(self.0.remove(index))
    }

    /// Lists the pending faults.
    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// Removes all pending faults.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
