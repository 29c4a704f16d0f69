//! Message of a push, as JSON or XML.

use std::fmt::Write;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::error::ControlError;
use crate::ids;
use crate::push::request::{Format, Mode, PushRequest};
use crate::wechat_api::answer;

/// Fields of a message in their order: texts and integers.
#[derive(Clone)]
pub(super) struct Message(Vec<(String, Value)>);

impl Message {
    /// Creates a message: the usual fields, then the fields of the request, which replace usual
    /// fields of the same name.
    pub(super) fn new(
        app_id: &str,
        openid: Option<&str>,
        now: Timestamp,
        request: &PushRequest,
    ) -> Result<Self, ControlError> {
        if request.event.is_empty() {
            return Err(ControlError::new(
                "event is required, for example `user_authorization_revoke`",
            ));
        }
        let mut message = Self(Vec::new());
        message.set("ToUserName", json!(ids::original_id(app_id)));
        // The sender is not the user: WeChat sends events from an account of its own.
        message.set("FromUserName", json!(ids::openid(app_id, "\0platform")));
        message.set("CreateTime", json!(now.as_secs()));
        message.set("MsgType", json!("event"));
        message.set("Event", json!(request.event));
        if let Some(openid) = openid {
            message.set("OpenID", json!(openid));
            message.set("AppID", json!(app_id));
        }
        for (name, value) in &request.fields {
            let is_identifier = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !is_identifier || name.is_empty() || !(value.is_string() || value.is_i64()) {
                return Err(ControlError::new(format!(
                    "the field `{name}` is not a text or an integer"
                )));
            }
            message.set(name, value.clone());
        }
        Ok(message)
    }

    /// Creates the body of an encrypted message.
    pub(super) fn wrap(&self, encrypt: String, mode: Mode) -> Self {
        let mut wrapped = match mode {
            Mode::Plain | Mode::Compatible => self.clone(),
            Mode::Secure => {
                Self(self.0.iter().filter(|(name, _)| name == "ToUserName").cloned().collect())
            }
        };
        wrapped.set("Encrypt", Value::String(encrypt));
        wrapped
    }

    /// Value of `FromUserName`.
    pub(super) fn sender(&self) -> &str {
        let mut senders = self.0.iter().filter(|(name, _)| name == "FromUserName");
        senders.next().and_then(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub(super) fn write(&self, format: Format) -> String {
        match format {
            Format::Json => answer::json(self),
            Format::Xml => self.xml(),
        }
    }

    fn xml(&self) -> String {
        let mut xml = String::from("<xml>");
        for (name, value) in &self.0 {
            // Writing to a string cannot fail.
            let _ = match value.as_str() {
                // A text that contains the end marker of CDATA is split over two CDATA sections.
                Some(text) => {
                    let text = text.replace("]]>", "]]]]><![CDATA[>");
                    write!(xml, "<{name}><![CDATA[{text}]]></{name}>")
                }
                None => write!(xml, "<{name}>{value}</{name}>"),
            };
        }
        xml + "</xml>"
    }

    fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
