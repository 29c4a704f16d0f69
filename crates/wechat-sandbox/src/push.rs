//! Message push: WeChat calls the server of a mini program.

mod delivery;
mod message;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::control::Refused;
use crate::crypto::{PushKey, push_signature};
use crate::ids;
use crate::push::delivery::{Receiver, Request};
use crate::push::message::Message;
use crate::state::{Shared, State};

/// WeChat: a push that is not answered within five seconds is sent again, three times in all.
const DEADLINE_MS: u64 = 5_000;
const ATTEMPTS: u32 = 3;

/// A push to send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PushOrder {
    /// The app it is about; the first when absent.
    pub appid: Option<String>,
    /// Where to send it: a URL of this machine.
    pub url: String,
    /// The event, like `user_authorization_revoke`.
    pub event: String,
    /// The user it is about: adds `OpenID` and `AppID`.
    pub user: Option<String>,
    /// Further fields, like `RevokeInfo`, or other values for the usual ones. Texts and integers.
    pub fields: Map<String, Value>,
    /// How to protect it; `secure` when absent and the app has an `EncodingAESKey`, else `plain`.
    pub mode: Option<Mode>,
    /// How to write it.
    pub format: Format,
    /// The content type. Absent: `text/xml`, which WeChat was seen to send with JSON as well.
    pub content_type: Option<String>,
    /// How long to wait for an answer, five seconds at most.
    pub timeout_ms: Option<u64>,
    /// How often to try, three times at most.
    pub attempts: Option<u32>,
}

/// A check of the receiver's URL, as when it is entered in WeChat's console.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckOrder {
    /// The app whose push token signs; the first when absent.
    pub appid: Option<String>,
    /// The receiver: a URL of this machine.
    pub url: String,
    /// How long to wait for an answer, five seconds at most.
    pub timeout_ms: Option<u64>,
}

/// WeChat's modes of pushing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// In the clear, signed with the token alone.
    Plain,
    /// In the clear and encrypted, side by side.
    Compatible,
    /// Encrypted.
    Secure,
}

/// WeChat's ways of writing a push.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// XML.
    Xml,
}

/// What became of a push.
#[derive(Clone, Debug, Serialize)]
pub struct PushReport {
    /// Whether an attempt was answered with HTTP 200 in time.
    pub delivered: bool,
    /// Every attempt, in order; after a success there are no more.
    pub attempts: Vec<Attempt>,
    /// The message before any encryption.
    pub message: String,
    /// The query that was sent.
    pub query: String,
    /// The body that was sent.
    pub body: String,
}

/// One attempt: what came back, or why nothing did.
#[derive(Clone, Debug, Serialize)]
pub struct Attempt {
    /// The HTTP status.
    pub status: Option<u16>,
    /// The body that came back.
    pub answer: Option<String>,
    /// Why nothing came back.
    pub error: Option<String>,
}

/// What became of a check.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// Whether the receiver answered with HTTP 200 and the very `echostr` it was sent.
    pub passed: bool,
    /// What it was sent.
    pub echostr: String,
    /// What came back.
    #[serde(flatten)]
    pub attempt: Attempt,
}

/// Sends a push, again if need be.
pub(crate) async fn send(shared: &Shared, order: PushOrder) -> Result<PushReport, Refused> {
    let receiver = Receiver::parse(&order.url, deadline(order.timeout_ms)?)?;
    let (message, request) = shared.lock().compose(&order)?;
    let tries = order.attempts.unwrap_or(ATTEMPTS);
    if !(1..=ATTEMPTS).contains(&tries) {
        return Err(Refused::new(format!("attempts must be 1 to {ATTEMPTS}")));
    }
    let mut attempts = Vec::new();
    for _ in 0..tries {
        let attempt = receiver.deliver(request.clone()).await;
        let delivered = attempt.status == Some(200);
        attempts.push(attempt);
        if delivered {
            break;
        }
    }
    let delivered = attempts.last().is_some_and(|attempt| attempt.status == Some(200));
    let body = request.body.map(|(_, body)| body).unwrap_or_default();
    Ok(PushReport { delivered, attempts, message, query: request.query, body })
}

/// Checks a receiver's URL.
pub(crate) async fn check(shared: &Shared, order: CheckOrder) -> Result<CheckReport, Refused> {
    let receiver = Receiver::parse(&order.url, deadline(order.timeout_ms)?)?;
    let echostr = rand::random_range(10_u64.pow(18)..10_u64.pow(19)).to_string();
    let stamp = shared.lock().stamp(order.appid.as_deref())?;
    let query = format!("{}&echostr={echostr}", stamp.query());
    let attempt = receiver.deliver(Request { query, body: None }).await;
    let passed = attempt.status == Some(200) && attempt.answer.as_deref() == Some(&echostr);
    Ok(CheckReport { passed, echostr, attempt })
}

fn deadline(timeout_ms: Option<u64>) -> Result<Duration, Refused> {
    match timeout_ms.unwrap_or(DEADLINE_MS) {
        ms @ 1..=DEADLINE_MS => Ok(Duration::from_millis(ms)),
        _ => Err(Refused::new(format!("timeout_ms must be 1 to {DEADLINE_MS}"))),
    }
}

/// What every call of WeChat's carries.
struct Stamp {
    token: String,
    timestamp: String,
    nonce: String,
}

impl Stamp {
    fn query(&self) -> String {
        let Self { token, timestamp, nonce } = self;
        let signature = push_signature([token, timestamp, nonce]);
        format!("signature={signature}&timestamp={timestamp}&nonce={nonce}")
    }
}

impl State {
    fn stamp(&self, app: Option<&str>) -> Result<Stamp, Refused> {
        let app_id = self.app_id(app)?;
        let app = self.apps.get(&app_id).map(|app| &app.config);
        let token = app.and_then(|app| app.push_token.clone());
        Ok(Stamp {
            token: token.ok_or_else(|| Refused::new(format!("`{app_id}` has no push_token")))?,
            timestamp: self.now().as_secs().to_string(),
            nonce: rand::random_range(100_000_000..2_000_000_000_u32).to_string(),
        })
    }

    /// Writes, encrypts and signs a push: the message, and the request that carries it.
    fn compose(&self, order: &PushOrder) -> Result<(String, Request), Refused> {
        let stamp = self.stamp(order.appid.as_deref())?;
        let app_id = self.app_id(order.appid.as_deref())?;
        let user = order.user.as_deref().map(|user| self.user(user)).transpose()?;
        let openid = user.map(|(name, _)| ids::openid(&app_id, &name));
        let message = Message::new(&app_id, openid.as_deref(), self.now(), order)?;
        let text = message.write(order.format);

        let key = self.apps.get(&app_id).and_then(|app| app.config.encoding_aes_key.as_deref());
        let key = key.and_then(PushKey::parse);
        let mode = order.mode.unwrap_or(if key.is_some() { Mode::Secure } else { Mode::Plain });
        let mut query = format!("{}&openid={}", stamp.query(), message.sender());
        let body = if mode == Mode::Plain {
            text.clone()
        } else {
            let no_key = || Refused::new(format!("`{app_id}` has no encoding_aes_key"));
            let random = crate::crypto::hex(&rand::random::<[u8; 8]>());
            let random = random.as_bytes().try_into().unwrap_or_default();
            let encrypt = key.ok_or_else(no_key)?.encrypt(&random, &text, &app_id);
            let parts = [&*stamp.token, &*stamp.timestamp, &*stamp.nonce, &*encrypt];
            let signature = push_signature(parts);
            query = format!("{query}&encrypt_type=aes&msg_signature={signature}");
            message.wrap(encrypt, mode).write(order.format)
        };
        let content_type = order.content_type.clone().unwrap_or_else(|| "text/xml".into());
        Ok((text, Request { query, body: Some((content_type, body)) }))
    }
}
