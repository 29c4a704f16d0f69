//! Faults: what goes wrong by order, for a number of calls of one path.

use salvo::http::{HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::control::Refused;
use crate::errcode::Errcode;
use crate::face::answer::{Answer, Family};
use crate::face::endpoint::{self, ENDPOINTS};
use crate::state::Moment;

/// A fault that strikes the next `times` calls of a path. It must do something: at least one of
/// `errcode`, `status`, `delay_ms`, `drop`, `body` and `content_type`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// A path of the WeChat face, like `/sns/jscode2session`.
    pub path: String,
    /// How many calls it strikes; one when absent.
    pub times: u32,
    /// Answer this `errcode`, worded as that endpoint would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errcode: Option<i64>,
    /// Word the `errcode` so instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errmsg: Option<String>,
    /// Answer this HTTP status, 200 to 599; alone, with a page such as a gateway would show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Wait so long first. Alone, the call is then answered as usual, even if the caller has gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Close the connection without an answer.
    pub drop: bool,
    /// Answer this body. JSON that is no string is sent as JSON.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "text_or_json")]
    pub body: Option<String>,
    /// Answer with this content type; alone, what would be answered anyway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Strike only after the work is done (the code is spent, the token issued) and lose the
    /// answer. Otherwise the work is not done.
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
    /// A fault of a path that does nothing yet.
    #[must_use]
    pub fn at(path: &str) -> Self {
        Self { path: path.to_owned(), ..Self::default() }
    }

    /// Whether the usual answer is not given. A delay or a content type alone leaves it.
    pub(crate) fn replaces_answer(&self) -> bool {
        self.drop || self.errcode.is_some() || self.status.is_some() || self.body.is_some()
    }

    /// The answer instead of the usual one; none to close the connection.
    pub(crate) fn answer(&self, family: Family, now: Moment) -> Option<Answer> {
        if self.drop {
            return None;
        }
        let answer = match (&self.body, self.errcode) {
            (Some(body), _) => Answer::new(family, body.clone()),
            (None, Some(errcode)) => {
                let words = self.errmsg.as_deref();
                Answer::new(family, family.refusal(Errcode(errcode), words, now))
            }
            (None, None) => gateway_page(self.status()),
        };
        Some(Answer { status: self.status(), ..answer })
    }

    /// An answer, the usual one or another, with the content type that was ordered.
    pub(crate) fn label(&self, answer: Answer) -> Answer {
        match self.content_type.as_deref().map(HeaderValue::from_str) {
            Some(Ok(content_type)) => Answer { content_type, ..answer },
            Some(Err(_)) | None => answer,
        }
    }

    fn status(&self) -> StatusCode {
        self.status.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::OK)
    }

    fn check(&self) -> Result<(), Refused> {
        let refused = |why: String| Err(Refused::new(why));
        if endpoint::find(&self.path).is_none() {
            let paths: Vec<_> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
            let paths = paths.join(", ");
            return refused(format!("no such path `{}`: take one of {paths}", self.path));
        }
        if self.times == 0 {
            return refused("times must be at least 1".into());
        }
        if !self.replaces_answer() && self.delay_ms.is_none() && self.content_type.is_none() {
            return refused("give errcode, status, delay_ms, drop, body or content_type".into());
        }
        if self.drop && (self.errcode.is_some() || self.status.is_some() || self.body.is_some()) {
            return refused("a dropped connection has no errcode, status or body".into());
        }
        if self.body.is_some() && self.errcode.is_some() {
            return refused("give a body or an errcode, not both".into());
        }
        if self.errmsg.is_some() && self.errcode.is_none() {
            return refused("an errmsg needs an errcode".into());
        }
        if self.status.is_some_and(|status| !(200..600).contains(&status)) {
            return refused("status must be 200 to 599".into());
        }
        let content_type = self.content_type.as_deref().map(HeaderValue::from_str);
        if let Some(Err(error)) = content_type {
            return refused(format!("content_type: {error}"));
        }
        Ok(())
    }
}

/// A page as a gateway in front of WeChat would show it.
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

/// The faults that are still to strike.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Orders a fault. Of several for one path, the first ordered strikes first.
    pub(crate) fn order(&mut self, fault: Fault) -> Result<(), Refused> {
        fault.check()?;
        self.0.push(fault);
        Ok(())
    }

    /// The fault that strikes a call of this path, one time less to come.
    pub(crate) fn strike(&mut self, path: &str) -> Option<Fault> {
        let index = self.0.iter().position(|fault| fault.path == path)?;
        let fault = self.0.get_mut(index)?;
        fault.times -= 1;
        if fault.times > 0 { Some(fault.clone()) } else { Some(self.0.remove(index)) }
    }

    /// The faults still to strike.
    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// Calls them all off.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
