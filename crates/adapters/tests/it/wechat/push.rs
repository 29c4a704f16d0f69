//! Message push: published test vectors, and messages that an attacker might send.

use adapters::wechat::push::{PushConfigError, WechatPushReader};
use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::model::app::name::AppId;
use domain::model::identity::{Subject, SubjectKind};
use domain::model::member::withdrawn_data::WithdrawnData;
use domain::model::random::Random;
use domain::ports::pushes::{Push, PushReader, PushRejected, PushSignature};
use serde_json::{Value, json};
use testkit::fake::random::FixedRandom;

const TOKEN: &str = "sandboxpushtoken";
const APP_ID: &str = "wx5e8d6c0a4b2f1e37";

/// Encoding key of 32 zero bytes.
const ZERO_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn vectors(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../vectors/push.json")).unwrap();
    all[kind].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} in {vector}"))
}

fn reader(app_id: &str, token: &str, key: Option<&str>) -> WechatPushReader {
    let key = key.map(|key| key.to_owned().into());
    WechatPushReader::new(&AppId::parse(app_id).unwrap(), token.to_owned().into(), key.as_ref())
        .unwrap()
}

/// Reader in plaintext mode.
fn plain() -> WechatPushReader {
    reader(APP_ID, TOKEN, None)
}

/// Reader in encrypted mode.
fn secure() -> WechatPushReader {
    reader(APP_ID, TOKEN, Some(ZERO_KEY))
}

/// Hexadecimal SHA-1 of the parts, sorted and concatenated.
fn sign(mut parts: Vec<&str>) -> String {
    parts.sort_unstable();
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, parts.concat().as_bytes());
    let hex: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.concat()
}

/// Signature as WeChat makes it, with a second one if there is an encrypted message.
fn signed(token: &str, encrypted: Option<&str>) -> PushSignature {
    let timestamp = "1714112445";
    let nonce = "415670741";
    let message_signature = |encrypted| sign(vec![token, timestamp, nonce, encrypted]);
    PushSignature {
        signature: sign(vec![token, timestamp, nonce]),
        message_signature: encrypted.map(message_signature),
        timestamp: timestamp.into(),
        nonce: nonce.into(),
    }
}

/// Encrypts a frame, which may be invalid, with the zero key.
fn encrypt(frame: &[u8]) -> String {
    let cipher = cbc::Encryptor::<Aes256>::new(&[0; 32].into(), &[0; 16].into());
    STANDARD.encode(cipher.encrypt_padded_vec::<NoPadding>(frame))
}

fn frame(message: &str, app_id: &str) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let mut frame =
        [b"0123456789abcdef", &length[..], message.as_bytes(), app_id.as_bytes()].concat();
    let padding = 32 - frame.len() % 32;
    frame.resize(frame.len() + padding, u8::try_from(padding).unwrap());
    frame
}

/// Reads a plaintext message with a valid signature.
fn read(body: impl AsRef<[u8]>) -> Result<Push, PushRejected> {
    plain().read(&signed(TOKEN, None), body.as_ref())
}

/// Reads an encrypted message with a valid signature.
fn read_encrypted(encrypted: &str) -> Result<Push, PushRejected> {
    let body = json!({ "ToUserName": "gh_1", "Encrypt": encrypted }).to_string();
    secure().read(&signed(TOKEN, Some(encrypted)), body.as_bytes())
}

fn is_malformed(result: &Result<Push, PushRejected>) -> bool {
    matches!(result, Err(PushRejected::Malformed(_)))
}

#[test]
fn published_plaintext_signatures_are_accepted() {
    let vectors = vectors("plain");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let signature = PushSignature {
            signature: text(&vector, "signature").into(),
            message_signature: None,
            timestamp: text(&vector, "timestamp").into(),
            nonce: text(&vector, "nonce").into(),
        };
        let reader = reader(APP_ID, text(&vector, "token"), None);
        assert_eq!(reader.verify(&signature), Ok(()), "{vector}");
        for nth in 0..signature.signature.len() {
            let mut forged = signature.clone();
            forged.signature.replace_range(nth..=nth, "x");
            assert_eq!(reader.verify(&forged), Err(PushRejected::Forged), "{nth}");
        }
        for forged in [
            PushSignature { timestamp: "1".into(), ..signature.clone() },
            PushSignature { nonce: "1".into(), ..signature.clone() },
            PushSignature { signature: String::new(), ..signature.clone() },
        ] {
            assert_eq!(reader.verify(&forged), Err(PushRejected::Forged));
        }
    }
}

#[test]
fn published_encrypted_messages_are_decrypted() {
    let vectors = vectors("encrypted");
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let field = |name| text(&vector, name);
        let token = field("token");
        let encrypted = field("encrypt");
        let reader = reader(field("appid"), token, Some(field("encoding_aes_key")));
        let mut signature = signed(token, Some(encrypted));
        if let Some(published) = vector["timestamp"].as_str() {
            signature.timestamp = published.into();
            signature.nonce = field("nonce").into();
            signature.message_signature = Some(field("msg_signature").into());
        }
        let body = format!("<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>");
        let read = reader.read(&signature, body.as_bytes());
        // Two of the published messages are not message pushes, so they decrypt but are malformed.
        let message = field("message");
        if message.contains("CreateTime") {
            let read = read.unwrap();
            assert!(message.contains(&read.dedup_key[0]) && message.contains(&read.dedup_key[1]));
            assert_eq!(read.withdrawal, None);
        } else {
            assert!(is_malformed(&read), "{message}: {read:?}");
        }
    }
}

fn event(event: &str, more: &Value) -> Value {
    let mut message = json!({
        "ToUserName": "gh_870882ca4b1",
        "FromUserName": "oaKk346BaWE-eIn4oSRWbaM9vR7s",
        "CreateTime": 1_627_359_464,
        "MsgType": "event",
        "Event": event,
        "OpenID": "oaKk343WOktAaT2ygsX138BGblrg",
        "AppID": APP_ID,
    });
    for (name, value) in more.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

fn xml(message: &Value) -> String {
    let fields = message.as_object().unwrap().iter().map(|(name, value)| match value.as_str() {
        Some(text) => format!("<{name}><![CDATA[{text}]]></{name}>"),
        None => format!("<{name}>{value}</{name}>"),
    });
    format!("<xml>{}</xml>", fields.collect::<String>())
}

#[test]
fn withdrawal_events_are_read_in_both_formats_and_modes() {
    let revoked = |code: &str| event("user_authorization_revoke", &json!({ "RevokeInfo": code }));
    for (message, expected) in [
        (revoked("8"), Some(WithdrawnData::Phone)),
        (revoked("6"), Some(WithdrawnData::Profile)),
        (revoked("19"), Some(WithdrawnData::Nickname)),
        (revoked(" 20 "), Some(WithdrawnData::Avatar)),
        (revoked("13"), None),
        (revoked(""), None),
        (event("user_authorization_cancellation", &json!({})), Some(WithdrawnData::Account)),
        (event("user_info_modified", &json!({})), Some(WithdrawnData::Profile)),
        (event("user_info_modified", &json!({ "OpenID": "" })), None),
        (event("user_info_modified", &json!({ "OpenID": "x".repeat(129) })), None),
        (event("user_info_modified", &json!({ "MsgType": "Event" })), Some(WithdrawnData::Profile)),
        (event("user_info_modified", &json!({ "MsgType": "text" })), None),
        (event("something_new", &json!({ "RevokeInfo": "8", "List": [1] })), None),
    ] {
        let openid = message["OpenID"].as_str().unwrap().to_owned();
        let namespace = format!("wechat:app:{APP_ID}");
        let subject = Subject { namespace, kind: SubjectKind::OpenId, value: openid };
        let expected = expected.map(|withdrawn| (subject, withdrawn));
        let json_text = message.to_string();
        let mut reads =
            vec![read(&json_text), read_encrypted(&encrypt(&frame(&json_text, APP_ID)))];
        if message["List"].is_null() {
            let xml_text = xml(&message);
            reads.extend([read(&xml_text), read_encrypted(&encrypt(&frame(&xml_text, APP_ID)))]);
        }
        for read in reads {
            assert_eq!(read.unwrap().withdrawal, expected, "{message}");
        }
    }
}

#[test]
fn dedup_key_is_the_message_id_or_the_identifying_fields() {
    let base = event("user_authorization_revoke", &json!({ "RevokeInfo": "8" }));
    let identity = |message: &Value| read(message.to_string()).unwrap().dedup_key;
    assert_eq!(
        identity(&base),
        identity(&event("user_authorization_revoke", &json!({ "RevokeInfo": "8", "x": 1 })))
    );
    for (name, value) in [
        ("FromUserName", json!("o2")),
        ("CreateTime", json!(1_627_359_465)),
        ("Event", json!("user_info_modified")),
        ("OpenID", json!("o2")),
        ("RevokeInfo", json!("6")),
        ("MsgId", json!(22)),
    ] {
        let mut other = base.clone();
        other[name] = value;
        assert_ne!(identity(&base), identity(&other), "{name}");
    }
    let numbered = |more: &Value| identity(&event("x", more));
    assert_eq!(numbered(&json!({ "MsgId": 22 })), numbered(&json!({ "MsgId": 22, "Event": "y" })));
    assert!(is_malformed(&read(r#"{"MsgType":"event"}"#)), "the message has no identifying field");
}

#[test]
fn encrypted_message_requires_its_signature_and_app_id() {
    let message = event("user_info_modified", &json!({})).to_string();
    let encrypted = encrypt(&frame(&message, APP_ID));
    let body = json!({ "Encrypt": encrypted }).to_string();
    let good = signed(TOKEN, Some(&encrypted));
    assert!(secure().read(&good, body.as_bytes()).is_ok());
    let unsigned = PushSignature { message_signature: None, ..good.clone() };
    let plaintext_signature =
        PushSignature { message_signature: Some(good.signature.clone()), ..good.clone() };
    let foreign = signed("anothertoken", Some(&encrypted));
    for forged in [unsigned, plaintext_signature, foreign, signed(TOKEN, Some("another message"))] {
        let read = secure().read(&forged, body.as_bytes());
        assert_eq!(read.err(), Some(PushRejected::Forged), "{forged:?}");
    }
    for app_id in ["", "wx0000000000000000", "wx5e8d6c0a4b2f1e37 ", "WX5E8D6C0A4B2F1E37"] {
        let read = read_encrypted(&encrypt(&frame(&message, app_id)));
        assert_eq!(read.err(), Some(PushRejected::WrongRecipient), "{app_id}");
    }
    let other = event("user_info_modified", &json!({ "AppID": "wx0000000000000000" })).to_string();
    assert_eq!(read(&other).err(), Some(PushRejected::WrongRecipient));
    let plaintext = secure().read(&signed(TOKEN, None), message.as_bytes());
    assert_eq!(plaintext.err(), Some(PushRejected::WrongRecipient), "encryption is required");
}

#[test]
fn compatible_mode_uses_the_encrypted_message() {
    let encrypted = encrypt(&frame(&event("harmless", &json!({})).to_string(), APP_ID));
    let mut both = event("user_authorization_cancellation", &json!({}));
    both["Encrypt"] = json!(encrypted);
    let read = secure().read(&signed(TOKEN, Some(&encrypted)), both.to_string().as_bytes());
    assert_eq!(read.unwrap().withdrawal, None);
}

#[test]
fn xml_with_document_type_or_entities_is_rejected() {
    for body in [
        "<!DOCTYPE xml [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><xml><Event>&a;</Event></xml>",
        "<!DOCTYPE xml SYSTEM \"http://127.0.0.1:1/x.dtd\"><xml><CreateTime>1</CreateTime></xml>",
        "<!DOCTYPE xml [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><xml><Event>&b;</Event></xml>",
        "<!DOCTYPE xml><xml><CreateTime>1</CreateTime></xml>",
        "<xml><CreateTime>&undeclared;</CreateTime></xml>",
    ] {
        assert!(is_malformed(&read(body)), "{body}");
        assert!(is_malformed(&read_encrypted(&encrypt(&frame(body, APP_ID)))), "{body}");
    }
    assert!(
        read("<xml><CreateTime>1</CreateTime></xml>").is_ok(),
        "the same message without a document type"
    );
}

#[test]
fn malformed_bodies_are_rejected_without_panic() {
    let deep = [("<a>", "</a>"), ("{\"a\":", "}"), ("[", "]")];
    let deep = deep.map(|(open, close)| [open.repeat(10_000), close.repeat(10_000)].concat());
    let wide = format!("<xml>{}</xml>", "<a/>".repeat(5_000));
    let attributes: Vec<String> = (0..5_000).map(|nth| format!(" a{nth}=''")).collect();
    let attributes = format!("<xml{}/>", attributes.concat());
    let odd = ["", " ", "\u{feff}", "<", "{", "<xml>", "{}", "null", "<xml/>", "\0", "<xml></a>"];
    for body in odd.into_iter().chain(deep.iter().map(String::as_str)).chain([&*wide, &*attributes])
    {
        assert!(is_malformed(&read(body)), "{}", body.chars().take(20).collect::<String>());
    }
    assert!(is_malformed(&read([0xff, 0xfe])));
}

#[test]
fn malformed_frames_are_rejected_without_panic() {
    let good = frame(&event("x", &json!({})).to_string(), APP_ID);
    assert!(read_encrypted(&encrypt(&good)).is_ok());
    let length = |bytes: [u8; 4]| [&good[..16], &bytes, &good[20..]].concat();
    let padded = |byte: u8| [&good[..good.len() - 1], &[byte]].concat();
    let frames = [
        Vec::new(),
        vec![0; 32],
        vec![32; 32],
        vec![33; 64],
        good[..32].to_vec(),
        length([0xff; 4]),
        length([0, 0, 1, 0xff]),
        padded(0),
        padded(33),
        padded(255),
    ];
    for frame in frames {
        let read = read_encrypted(&encrypt(&frame));
        assert!(read.is_err(), "{frame:?}");
    }
    for encrypted in ["*", "AAAA", "=", " ", &"A".repeat(43)] {
        assert!(read_encrypted(encrypted).is_err(), "{encrypted}");
    }
    let random = FixedRandom::seeded(1);
    for nth in 0..2_000 {
        let mut noise = vec![0; 16 * (nth % 9)];
        random.fill(&mut noise);
        assert!(read_encrypted(&encrypt(&noise)).is_err());
        assert!(read(&noise).is_err());
    }
}

#[test]
fn push_token_and_key_format() {
    let new = |token: &str, key: Option<&str>| {
        let key = key.map(|key| key.to_owned().into());
        WechatPushReader::new(&AppId::parse(APP_ID).unwrap(), token.to_owned().into(), key.as_ref())
            .err()
    };
    assert_eq!(new("abc", Some("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")), None);
    for token in ["", "ab", "a b", "令牌令", &"a".repeat(33)] {
        assert_eq!(new(token, None), Some(PushConfigError::Token), "{token}");
    }
    for key in ["", "short", &"A".repeat(42), &"A".repeat(44), &"*".repeat(43)] {
        assert_eq!(new("abc", Some(key)), Some(PushConfigError::Key), "{key}");
    }
}
