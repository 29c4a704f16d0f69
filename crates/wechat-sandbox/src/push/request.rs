//! Requests of the push API.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Request to send a push.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushRequest {
    /// App id [default: the first app].
    pub appid: Option<String>,
    /// URL of the receiver, with a loopback address.
    pub url: String,
    /// Event, for example `user_authorization_revoke`.
    pub event: String,
    /// User of the event; adds `OpenID` and `AppID`.
    pub user: Option<String>,
    /// Additional fields, for example `RevokeInfo`, or replacements of usual ones. Texts and
    /// integers.
    pub fields: Map<String, Value>,
    /// Security mode [default: `secure` if the app has an `EncodingAESKey`, otherwise `plain`].
    pub mode: Option<Mode>,
    /// Message format.
    pub format: Format,
    /// Content type [default: `text/xml`, which WeChat was observed to send with JSON as well].
    pub content_type: Option<String>,
    /// Timeout of an attempt in milliseconds [default and maximum: 5000].
    pub timeout_ms: Option<u64>,
    /// Maximum number of attempts [default and maximum: 3].
    pub attempts: Option<u32>,
}

/// Request to check a receiver's URL, as WeChat's console does when it is entered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckRequest {
    /// App id of the push token that signs [default: the first app].
    pub appid: Option<String>,
    /// URL of the receiver, with a loopback address.
    pub url: String,
    /// Timeout of an attempt in milliseconds [default and maximum: 5000].
    pub timeout_ms: Option<u64>,
}

/// Security mode of a push, as in WeChat's console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Plaintext, signed with the token only.
    Plain,
    /// Plaintext and ciphertext in the same message.
    Compatible,
    /// Ciphertext only.
    Secure,
}

/// Message format of a push.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// XML.
    Xml,
}
