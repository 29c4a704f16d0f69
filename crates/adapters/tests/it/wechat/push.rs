//! What WeChat pushes, from the vectors it publishes to what an attacker might send.

use adapters::wechat::push::{PushConfigError, WechatPushes};
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

/// 43 times `A` in Base64.
const ZERO_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn vectors(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../../vectors/push.json")).unwrap();
    all[kind].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap_or_else(|| panic!("{field} in {vector}"))
}

fn pushes(app_id: &str, token: &str, key: Option<&str>) -> WechatPushes {
    let key = key.map(|key| key.to_owned().into());
    WechatPushes::new(&AppId::parse(app_id).unwrap(), token.to_owned().into(), key.as_ref())
        .unwrap()
}

/// The app in the clear.
fn plain() -> WechatPushes {
    pushes(APP_ID, TOKEN, None)
}

/// The app with a key.
fn secure() -> WechatPushes {
    pushes(APP_ID, TOKEN, Some(ZERO_KEY))
}

/// The hexadecimal SHA-1 of the parts, sorted and joined.
fn sign(mut parts: Vec<&str>) -> String {
    parts.sort_unstable();
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, parts.concat().as_bytes());
    let hex: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    hex.concat()
}

/// Signed as WeChat does; an encrypted message besides.
fn signed(token: &str, encrypted: Option<&str>) -> PushSignature {
    let (timestamp, nonce) = ("1714112445", "415670741");
    let over = |encrypted| sign(vec![token, timestamp, nonce, encrypted]);
    PushSignature {
        signature: sign(vec![token, timestamp, nonce]),
        message_signature: encrypted.map(over),
        timestamp: timestamp.into(),
        nonce: nonce.into(),
    }
}

/// What the all-zero key encrypts, in a frame that may be wrong.
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

/// Reads a message in the clear, well signed.
fn read(body: impl AsRef<[u8]>) -> Result<Push, PushRejected> {
    plain().read(&signed(TOKEN, None), body.as_ref())
}

/// Reads an encrypted message, well signed.
fn read_encrypted(encrypted: &str) -> Result<Push, PushRejected> {
    let body = json!({ "ToUserName": "gh_1", "Encrypt": encrypted }).to_string();
    secure().read(&signed(TOKEN, Some(encrypted)), body.as_bytes())
}

fn is_malformed(read: &Result<Push, PushRejected>) -> bool {
    matches!(read, Err(PushRejected::Malformed(_)))
}

#[test]
fn the_published_plain_signatures_are_believed() {
    let vectors = vectors("plain");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let signature = PushSignature {
            signature: text(&vector, "signature").into(),
            message_signature: None,
            timestamp: text(&vector, "timestamp").into(),
            nonce: text(&vector, "nonce").into(),
        };
        let pushes = pushes(APP_ID, text(&vector, "token"), None);
        assert_eq!(pushes.verify(&signature), Ok(()), "{vector}");
        for nth in 0..signature.signature.len() {
            let mut forged = signature.clone();
            forged.signature.replace_range(nth..=nth, "x");
            assert_eq!(pushes.verify(&forged), Err(PushRejected::Forged), "{nth}");
        }
        for forged in [
            PushSignature { timestamp: "1".into(), ..signature.clone() },
            PushSignature { nonce: "1".into(), ..signature.clone() },
            PushSignature { signature: String::new(), ..signature.clone() },
        ] {
            assert_eq!(pushes.verify(&forged), Err(PushRejected::Forged));
        }
    }
}

#[test]
fn the_published_encrypted_messages_are_read() {
    let vectors = vectors("encrypted");
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let field = |name| text(&vector, name);
        let (token, encrypted) = (field("token"), field("encrypt"));
        let pushes = pushes(field("appid"), token, Some(field("encoding_aes_key")));
        let mut signature = signed(token, Some(encrypted));
        if let Some(published) = vector["timestamp"].as_str() {
            signature.timestamp = published.into();
            signature.nonce = field("nonce").into();
            signature.message_signature = Some(field("msg_signature").into());
        }
        let body = format!("<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>");
        let read = pushes.read(&signature, body.as_bytes());
        // What the message says decides what it is read as: of these, two are no messages.
        let message = field("message");
        if message.contains("CreateTime") {
            let read = read.unwrap();
            assert!(message.contains(&read.identity[0]) && message.contains(&read.identity[1]));
            assert_eq!(read.withdrawn, None);
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
fn every_event_takes_back_what_it_says_in_either_form_and_mode() {
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
        let in_json = message.to_string();
        let mut reads = vec![read(&in_json), read_encrypted(&encrypt(&frame(&in_json, APP_ID)))];
        if message["List"].is_null() {
            let in_xml = xml(&message);
            reads.extend([read(&in_xml), read_encrypted(&encrypt(&frame(&in_xml, APP_ID)))]);
        }
        for read in reads {
            assert_eq!(read.unwrap().withdrawn, expected, "{message}");
        }
    }
}

#[test]
fn messages_differ_by_number_or_else_by_all_that_tells_them_apart() {
    let base = event("user_authorization_revoke", &json!({ "RevokeInfo": "8" }));
    let identity = |message: &Value| read(message.to_string()).unwrap().identity;
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
    assert!(is_malformed(&read(r#"{"MsgType":"event"}"#)), "nothing tells it from others");
}

#[test]
fn an_encrypted_message_is_believed_for_its_own_signature_and_app_only() {
    let message = event("user_info_modified", &json!({})).to_string();
    let encrypted = encrypt(&frame(&message, APP_ID));
    let body = json!({ "Encrypt": encrypted }).to_string();
    let good = signed(TOKEN, Some(&encrypted));
    assert!(secure().read(&good, body.as_bytes()).is_ok());
    let unsigned = PushSignature { message_signature: None, ..good.clone() };
    let plainly = PushSignature { message_signature: Some(good.signature.clone()), ..good.clone() };
    let foreign = signed("anothertoken", Some(&encrypted));
    for forged in [unsigned, plainly, foreign, signed(TOKEN, Some("another message"))] {
        let read = secure().read(&forged, body.as_bytes());
        assert_eq!(read.err(), Some(PushRejected::Forged), "{forged:?}");
    }
    for app_id in ["", "wx0000000000000000", "wx5e8d6c0a4b2f1e37 ", "WX5E8D6C0A4B2F1E37"] {
        let read = read_encrypted(&encrypt(&frame(&message, app_id)));
        assert_eq!(read.err(), Some(PushRejected::WrongRecipient), "{app_id}");
    }
    let other = event("user_info_modified", &json!({ "AppID": "wx0000000000000000" })).to_string();
    assert_eq!(read(&other).err(), Some(PushRejected::WrongRecipient));
    let in_the_clear = secure().read(&signed(TOKEN, None), message.as_bytes());
    assert_eq!(in_the_clear.err(), Some(PushRejected::WrongRecipient), "the key is not optional");
}

#[test]
fn of_a_message_in_both_forms_the_encrypted_one_counts() {
    let encrypted = encrypt(&frame(&event("harmless", &json!({})).to_string(), APP_ID));
    let mut both = event("user_authorization_cancellation", &json!({}));
    both["Encrypt"] = json!(encrypted);
    let read = secure().read(&signed(TOKEN, Some(&encrypted)), both.to_string().as_bytes());
    assert_eq!(read.unwrap().withdrawn, None);
}

#[test]
fn a_document_type_or_an_entity_is_refused() {
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
    assert!(read("<xml><CreateTime>1</CreateTime></xml>").is_ok(), "the same without");
}

#[test]
fn whatever_the_body_is_it_is_answered() {
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
fn whatever_a_frame_is_it_is_answered() {
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
    let chance = FixedRandom::seeded(1);
    for nth in 0..2_000 {
        let mut noise = vec![0; 16 * (nth % 9)];
        chance.fill(&mut noise);
        assert!(read_encrypted(&encrypt(&noise)).is_err());
        assert!(read(&noise).is_err());
    }
}

#[test]
fn a_token_and_a_key_are_as_the_console_makes_them() {
    let new = |token: &str, key: Option<&str>| {
        let key = key.map(|key| key.to_owned().into());
        WechatPushes::new(&AppId::parse(APP_ID).unwrap(), token.to_owned().into(), key.as_ref())
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
