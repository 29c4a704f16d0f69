//! The message of a push, as JSON or XML.

use std::fmt::Write;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::control::Refused;
use crate::face::answer;
use crate::ids;
use crate::push::{Format, Mode, PushOrder};
use crate::state::Moment;

/// The fields of a message in their order: texts and integers.
#[derive(Clone)]
pub(super) struct Message(Vec<(String, Value)>);

impl Message {
    /// The usual fields, then those of the order; a field that is there already gets a new value.
    pub(super) fn new(
        app_id: &str,
        openid: Option<&str>,
        now: Moment,
        order: &PushOrder,
    ) -> Result<Self, Refused> {
        if order.event.is_empty() {
            return Err(Refused::new("give the event, like `user_authorization_revoke`"));
        }
        let mut message = Self(Vec::new());
        message.set("ToUserName", json!(ids::original_id(app_id)));
        // Not the user: WeChat pushes events in the name of an account of its own.
        message.set("FromUserName", json!(ids::openid(app_id, "\0platform")));
        message.set("CreateTime", json!(now.as_secs()));
        message.set("MsgType", json!("event"));
        message.set("Event", json!(order.event));
        if let Some(openid) = openid {
            message.set("OpenID", json!(openid));
            message.set("AppID", json!(app_id));
        }
        for (name, value) in &order.fields {
            let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !letters || name.is_empty() || !(value.is_string() || value.is_i64()) {
                return Err(Refused::new(format!("the field `{name}` is no text or integer")));
            }
            message.set(name, value.clone());
        }
        Ok(message)
    }

    /// The encrypted message as the body carries it.
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

    /// Whom the message says it is from.
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
                // Nothing ends CDATA but its end, which is split where a text contains it.
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
