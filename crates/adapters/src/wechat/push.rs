//! Message push from WeChat to a mini program: verification, decryption and interpretation.

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

/// Maximum length of an openid in bytes. WeChat's have 28, without a documented maximum.
const MAX_ID_LENGTH: usize = 128;

/// Length of a push token in WeChat's console.
const TOKEN_LENGTH: RangeInclusive<usize> = 3..=32;

/// Reader of the messages that WeChat pushes to one mini program.
pub struct WechatPushReader {
    app_id: AppId,
    token: SecretString,
    key: Option<EncodingKey>,
}

/// Error in the configuration of message push. It never contains a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushConfigError {
    /// The token is malformed.
    #[error("a push token is 3 to 32 letters and digits, as in WeChat's console")]
    Token,
    /// The key is malformed.
    #[error("a push key (EncodingAESKey) is 43 letters and digits, as in WeChat's console")]
    Key,
}

impl WechatPushReader {
    /// Creates a reader with the Token and the `EncodingAESKey` of WeChat's console. With a key, only encrypted
    /// messages are accepted: in plaintext mode the signature does not cover the message.
    pub fn new(
        app_id: &AppId,
        token: SecretString,
        encoding_key: Option<&SecretString>,
    ) -> Result<Self, PushConfigError> {
        let text = token.expose_secret();
        if !TOKEN_LENGTH.contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(PushConfigError::Token);
        }
        let key = encoding_key.map(|key| EncodingKey::parse(key).ok_or(PushConfigError::Key));
        Ok(Self { app_id: app_id.clone(), token, key: key.transpose()? })
    }

    /// Checks that `presented` is the hexadecimal SHA-1 of token, timestamp, nonce and, if given, the encrypted
    /// message, sorted and concatenated.
    fn verify_signature(
        &self,
        presented: &str,
        signature: &PushSignature,
        encrypted: Option<&str>,
    ) -> Result<(), PushRejected> {
        let PushSignature { timestamp, nonce, .. } = signature;
        let mut parts = vec![self.token.expose_secret(), timestamp, nonce];
        parts.extend(encrypted);
        parts.sort_unstable();
        let joined = Zeroizing::new(parts.concat());
        let expected = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, joined.as_bytes()).as_ref());
        verify_slices_are_equal(expected.as_bytes(), presented.as_bytes())
            .map_err(|aws_lc_rs::error::Unspecified| PushRejected::Forged)
    }

    /// Decrypts the message in an envelope. If the envelope contains the message in both forms, as in WeChat's
    /// compatible mode, the encrypted form is used.
    fn decrypt(
        &self,
        key: &EncodingKey,
        signature: &PushSignature,
        body: &[u8],
    ) -> Result<Fields, PushRejected> {
        let envelope = Fields::parse(body)?;
        let encrypted = envelope.get("Encrypt").ok_or(PushRejected::WrongRecipient)?;
        let presented = signature.message_signature.as_deref().ok_or(PushRejected::Forged)?;
        self.verify_signature(presented, signature, Some(encrypted))?;
        let (message, app_id) = key.decrypt(encrypted)?;
        if app_id != self.app_id.as_str().as_bytes() {
            return Err(PushRejected::WrongRecipient);
        }
        Fields::parse(&message)
    }

    /// User concerned by a message, and the data that the message withdraws.
    fn withdrawal(&self, message: &Fields) -> Option<(Subject, WithdrawnData)> {
        let event = message.get("Event").filter(|_| {
            message.get("MsgType").is_some_and(|kind| kind.eq_ignore_ascii_case("event"))
        });
        let withdrawn =
            event.and_then(|event| withdrawn_by_event(event, message.get("RevokeInfo")));
        let openid = message.get("OpenID").filter(|id| (1..=MAX_ID_LENGTH).contains(&id.len()));
        let (Some(withdrawn), Some(openid)) = (withdrawn, openid) else {
            let app_id = self.app_id.as_str();
            let event = event.filter(|event| is_loggable(event)).unwrap_or_default();
            tracing::info!(app_id, event, "message push ignored, it withdraws no stored data");
            return None;
        };
        let namespace = super::namespace(&self.app_id);
        let subject = Subject { namespace, kind: SubjectKind::OpenId, value: openid.to_owned() };
        Some((subject, withdrawn))
    }
}

impl PushReader for WechatPushReader {
    fn verify(&self, signature: &PushSignature) -> Result<(), PushRejected> {
        self.verify_signature(&signature.signature, signature, None)
    }

    fn read(&self, signature: &PushSignature, body: &[u8]) -> Result<Push, PushRejected> {
        let message = if let Some(key) = &self.key {
            self.decrypt(key, signature, body)?
        } else {
            self.verify(signature)?;
            Fields::parse(body)?
        };
        if message.get("AppID").is_some_and(|app_id| app_id != self.app_id.as_str()) {
            return Err(PushRejected::WrongRecipient);
        }
        Ok(Push { dedup_key: dedup_key(&message)?, withdrawal: self.withdrawal(&message) })
    }
}

/// Deduplication key of a message: the message id if WeChat assigned one, else the fields that WeChat recommends,
/// together with the fields in which events of the same second can differ.
fn dedup_key(message: &Fields) -> Result<Vec<String>, PushRejected> {
    let value = |name| message.get(name).unwrap_or_default().to_owned();
    match message.get("MsgId") {
        Some(number) => Ok(vec![number.to_owned()]),
        None if message.get("CreateTime").is_none() => {
            Err(PushRejected::Malformed("has neither MsgId nor CreateTime"))
        }
        None => {
            Ok(["FromUserName", "CreateTime", "Event", "OpenID", "RevokeInfo"].map(value).into())
        }
    }
}

/// Stored data that an event withdraws. WeChat sends new codes before it documents them, and most codes concern data
/// that is never stored here.
fn withdrawn_by_event(event: &str, revoke_info: Option<&str>) -> Option<WithdrawnData> {
    match (event, revoke_info) {
        ("user_authorization_cancellation", _) => Some(WithdrawnData::Account),
        // `user_info_modified`: WeChat removed an inappropriate nickname or avatar.
        ("user_info_modified", _) | ("user_authorization_revoke", Some("6")) => {
            Some(WithdrawnData::Profile)
        }
        ("user_authorization_revoke", Some("8")) => Some(WithdrawnData::Phone),
        ("user_authorization_revoke", Some("19")) => Some(WithdrawnData::Nickname),
        ("user_authorization_revoke", Some("20")) => Some(WithdrawnData::Avatar),
        _ => None,
    }
}

/// Lowercase hexadecimal form, in which WeChat writes digests.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// Reports whether an event name is short and plain enough for the log.
fn is_loggable(event: &str) -> bool {
    event.len() <= 64 && event.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
}
