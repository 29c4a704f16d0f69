//! Message push: calls of WeChat to the server of a mini program.

mod delivery;
mod message;
mod report;
mod request;

use std::time::Duration;

use crate::crypto::{PushKey, hex, push_signature};
use crate::error::ControlError;
use crate::ids;
use crate::push::delivery::{Delivery, Receiver};
use crate::push::message::Message;
pub use crate::push::report::{Attempt, CheckReport, PushReport};
pub use crate::push::request::{CheckRequest, Format, Mode, PushRequest};
use crate::state::{SharedState, State};

/// Timeout of a push in WeChat's documentation, in milliseconds.
const MAX_TIMEOUT_MS: u64 = 5_000;
/// Attempts to deliver a push in WeChat's documentation.
const MAX_ATTEMPTS: u32 = 3;

/// Sends a push and retries it until it is delivered or the attempts are used up.
pub(crate) async fn send(
    shared: &SharedState,
    request: PushRequest,
) -> Result<PushReport, ControlError> {
    let receiver = Receiver::parse(&request.url, timeout(request.timeout_ms)?)?;
    let (message, delivery) = shared.lock().compose(&request)?;
    let max_attempts = request.attempts.unwrap_or(MAX_ATTEMPTS);
    if !(1..=MAX_ATTEMPTS).contains(&max_attempts) {
        return Err(ControlError::new(format!("attempts must be 1 to {MAX_ATTEMPTS}")));
    }
    let mut attempts = Vec::new();
    for _ in 0..max_attempts {
        let attempt = receiver.deliver(delivery.clone()).await;
        let delivered = attempt.status == Some(200);
        attempts.push(attempt);
        if delivered {
            break;
        }
    }
    let delivered = attempts.last().is_some_and(|attempt| attempt.status == Some(200));
    let body = delivery.body.map(|(_, body)| body).unwrap_or_default();
    Ok(PushReport { delivered, attempts, message, query: delivery.query, body })
}

/// Checks a receiver's URL.
pub(crate) async fn check(
    shared: &SharedState,
    request: CheckRequest,
) -> Result<CheckReport, ControlError> {
    let receiver = Receiver::parse(&request.url, timeout(request.timeout_ms)?)?;
    let echostr = rand::random_range(10_u64.pow(18)..10_u64.pow(19)).to_string();
    let signed = shared.lock().sign(request.appid.as_deref())?;
    let query = format!("{}&echostr={echostr}", signed.query());
    let attempt = receiver.deliver(Delivery { query, body: None }).await;
    let passed = attempt.status == Some(200) && attempt.answer.as_deref() == Some(&echostr);
    Ok(CheckReport { passed, echostr, attempt })
}

fn timeout(timeout_ms: Option<u64>) -> Result<Duration, ControlError> {
    match timeout_ms.unwrap_or(MAX_TIMEOUT_MS) {
        ms @ 1..=MAX_TIMEOUT_MS => Ok(Duration::from_millis(ms)),
        _ => Err(ControlError::new(format!("timeout_ms must be 1 to {MAX_TIMEOUT_MS}"))),
    }
}

/// Query parameters of every call of WeChat.
struct SignedParams {
    token: String,
    timestamp: String,
    nonce: String,
}

impl SignedParams {
    fn query(&self) -> String {
        let Self { token, timestamp, nonce } = self;
        let signature = push_signature([token, timestamp, nonce]);
        format!("signature={signature}&timestamp={timestamp}&nonce={nonce}")
    }
}

impl State {
    fn sign(&self, app: Option<&str>) -> Result<SignedParams, ControlError> {
        let app_id = self.app_id(app)?;
        let app = self.apps.get(&app_id).map(|app| &app.config);
        let token = app.and_then(|app| app.push_token.clone());
        Ok(SignedParams {
            token: token
                .ok_or_else(|| ControlError::new(format!("`{app_id}` has no push_token")))?,
            timestamp: self.now().as_secs().to_string(),
            nonce: rand::random_range(100_000_000..2_000_000_000_u32).to_string(),
        })
    }

    /// Writes, encrypts and signs a push. Returns the message and the HTTP call that delivers it.
    fn compose(&self, request: &PushRequest) -> Result<(String, Delivery), ControlError> {
        let signed = self.sign(request.appid.as_deref())?;
        let app_id = self.app_id(request.appid.as_deref())?;
        let user = request.user.as_deref().map(|user| self.user(user)).transpose()?;
        let openid = user.map(|(name, _)| ids::openid(&app_id, &name));
        let message = Message::new(&app_id, openid.as_deref(), self.now(), request)?;
        let text = message.write(request.format);

        let app = self.apps.get(&app_id).map(|app| &app.config);
        let key = app.and_then(|app| PushKey::parse(app.encoding_aes_key.as_deref()?));
        let mode = request.mode.unwrap_or(if key.is_some() { Mode::Secure } else { Mode::Plain });
        let mut query = format!("{}&openid={}", signed.query(), message.sender());
        let body = if mode == Mode::Plain {
            text.clone()
        } else {
            let no_key = || ControlError::new(format!("`{app_id}` has no encoding_aes_key"));
            let random_hex = hex(&rand::random::<[u8; 8]>());
            let random = random_hex.as_bytes().try_into().unwrap_or_default();
            let encrypt = key.ok_or_else(no_key)?.encrypt(&random, &text, &app_id);
            let parts = [&*signed.token, &*signed.timestamp, &*signed.nonce, &*encrypt];
            let signature = push_signature(parts);
            query = format!("{query}&encrypt_type=aes&msg_signature={signature}");
            message.wrap(encrypt, mode).write(request.format)
        };
        let content_type = request.content_type.clone().unwrap_or_else(|| "text/xml".into());
        Ok((text, Delivery { query, body: Some((content_type, body)) }))
    }
}
