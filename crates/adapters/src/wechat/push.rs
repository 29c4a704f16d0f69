//! What WeChat pushes to one mini program: whether it is WeChat's, and what it says.

mod encoding_key;
mod fields;

use std::fmt::Write;
use std::ops::RangeInclusive;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use domain::model::app::name::AppId;
use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::withdrawn_data::WithdrawnData;
use domain::ports::pushes::{Push, PushReader, PushRejected, PushSignature};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use self::encoding_key::EncodingKey;
use self::fields::Fields;

/// The longest openid taken, in bytes. WeChat's have 28 and no promised length.
const ID_MAX: usize = 128;

/// The shortest and longest push token that WeChat's console takes.
const TOKEN: RangeInclusive<usize> = 3..=32;

/// Reads what WeChat pushes to one mini program.
pub struct WechatPushes {
    app_id: AppId,
    token: SecretString,
    key: Option<EncodingKey>,
}

/// Why pushes cannot be read; no secret is part of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushConfigError {
    /// Not a token.
    #[error("a push token is 3 to 32 letters and digits, as in WeChat's console")]
    Token,
    /// Not a key.
    #[error("a push key (EncodingAESKey) is 43 letters and digits, as in WeChat's console")]
    Key,
}

impl WechatPushes {
    /// Takes the Token and the `EncodingAESKey` of the console. With a key, only encrypted messages
    /// are believed: in the clear, a signature covers everything but the message.
    pub fn new(
        app_id: &AppId,
        token: SecretString,
        encoding_key: Option<&SecretString>,
    ) -> Result<Self, PushConfigError> {
        let text = token.expose_secret();
        if !TOKEN.contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(PushConfigError::Token);
        }
        let key = encoding_key.map(|key| EncodingKey::parse(key).ok_or(PushConfigError::Key));
        Ok(Self { app_id: app_id.clone(), token, key: key.transpose()? })
    }

    /// Whether `shown` is the hexadecimal SHA-1 of token, time, nonce and `more`, sorted and joined.
    fn check(
        &self,
        shown: &str,
        signature: &PushSignature,
        more: Option<&str>,
    ) -> Result<(), PushRejected> {
        let PushSignature { timestamp, nonce, .. } = signature;
        let mut parts = vec![self.token.expose_secret(), timestamp, nonce];
        parts.extend(more);
        parts.sort_unstable();
        let joined = Zeroizing::new(parts.concat());
        let right = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, joined.as_bytes()).as_ref());
        let same = verify_slices_are_equal(right.as_bytes(), shown.as_bytes());
        if same.is_ok() { Ok(()) } else { Err(PushRejected::Forged) }
    }

    /// The message in an envelope; of one in both forms, as in WeChat's compatible mode, the
    /// encrypted one.
    fn open(
        &self,
        key: &EncodingKey,
        signature: &PushSignature,
        body: &[u8],
    ) -> Result<Fields, PushRejected> {
        let envelope = Fields::parse(body)?;
        let encrypted = envelope.get("Encrypt").ok_or(PushRejected::WrongRecipient)?;
        let shown = signature.message_signature.as_deref().ok_or(PushRejected::Forged)?;
        self.check(shown, signature, Some(encrypted))?;
        let (message, app_id) = key.decrypt(encrypted)?;
        if app_id != self.app_id.as_str().as_bytes() {
            return Err(PushRejected::WrongRecipient);
        }
        Fields::parse(&message)
    }

    /// Whom a message is about, and what they took back.
    fn withdrawn(&self, message: &Fields) -> Option<(Subject, WithdrawnData)> {
        let event = message.get("Event").filter(|_| {
            message.get("MsgType").is_some_and(|kind| kind.eq_ignore_ascii_case("event"))
        });
        let withdrawn = event.and_then(|event| withdrawn(event, message.get("RevokeInfo")));
        let openid = message.get("OpenID").filter(|id| (1..=ID_MAX).contains(&id.len()));
        let (Some(withdrawn), Some(openid)) = (withdrawn, openid) else {
            let event = event.filter(|event| is_plain(event)).unwrap_or_default();
            tracing::info!(
                app_id = self.app_id.as_str(),
                event,
                "a push asks for nothing that is done here"
            );
            return None;
        };
        let namespace = super::namespace(&self.app_id);
        let subject = Subject { namespace, kind: SubjectKind::OpenId, value: openid.to_owned() };
        Some((subject, withdrawn))
    }
}

impl PushReader for WechatPushes {
    fn verify(&self, signature: &PushSignature) -> Result<(), PushRejected> {
        self.check(&signature.signature, signature, None)
    }

    fn read(&self, signature: &PushSignature, body: &[u8]) -> Result<Push, PushRejected> {
        let message = if let Some(key) = &self.key {
            self.open(key, signature, body)?
        } else {
            self.verify(signature)?;
            Fields::parse(body)?
        };
        if message.get("AppID").is_some_and(|app_id| app_id != self.app_id.as_str()) {
            return Err(PushRejected::WrongRecipient);
        }
        Ok(Push { identity: identity(&message)?, withdrawn: self.withdrawn(&message) })
    }
}

/// What tells a message from others: WeChat's own number where it gives one, else what it advises to
/// compare, and besides what its events can differ in within one second.
fn identity(message: &Fields) -> Result<Vec<String>, PushRejected> {
    let value = |name| message.get(name).unwrap_or_default().to_owned();
    match message.get("MsgId") {
        Some(number) => Ok(vec![number.to_owned()]),
        None if message.get("CreateTime").is_none() => {
            Err(PushRejected::Malformed("it says neither which message it is nor from when"))
        }
        None => {
            Ok(["FromUserName", "CreateTime", "Event", "OpenID", "RevokeInfo"].map(value).into())
        }
    }
}

/// What an event takes back of what is kept here. WeChat sends new codes before it documents them, and
/// most are of things that are never kept here.
fn withdrawn(event: &str, revoked: Option<&str>) -> Option<WithdrawnData> {
    match (event, revoked) {
        ("user_authorization_cancellation", _) => Some(WithdrawnData::Account),
        // WeChat took a name or picture down.
        ("user_info_modified", _) | ("user_authorization_revoke", Some("6")) => {
            Some(WithdrawnData::Profile)
        }
        ("user_authorization_revoke", Some("8")) => Some(WithdrawnData::Phone),
        ("user_authorization_revoke", Some("19")) => Some(WithdrawnData::Nickname),
        ("user_authorization_revoke", Some("20")) => Some(WithdrawnData::Avatar),
        _ => None,
    }
}

/// Lowercase hexadecimal, as WeChat writes digests.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Whether a name may stand in the log.
fn is_plain(event: &str) -> bool {
    event.len() <= 64 && event.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
}
