//! What WeChat answered, read from the body alone and forgivingly: an absent errcode is success,
//! numbers come as strings, the content type lies, and texts hold bytes that JSON forbids.
//!
//! A parser's own error is never kept: it repeats the value it stumbled over, which may be a key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::model::member::phone::PhoneNumber;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::call_error::{Cause, Refusal};

/// The longest openid or union id taken, in bytes. WeChat's have 28 and no promised length.
const ID_MAX: usize = 128;

/// The longest access token taken, in bytes. WeChat asks to reserve 512.
const TOKEN_MAX: usize = 2048;

type Fields = Map<String, Value>;

/// A successful answer.
pub(super) struct Reply(Fields);

/// Whom a login code belongs to.
pub(super) struct Session {
    pub(super) openid: String,
    pub(super) union_id: Option<String>,
    /// Base64 of 16 bytes, as WeChat wrote it.
    pub(super) key: SecretString,
}

/// The number behind a phone code, and what WeChat stamped on it.
pub(super) struct Phone {
    pub(super) number: PhoneNumber,
    /// The app in which the user pressed the button.
    pub(super) app_id: String,
    /// When that was, in Unix seconds.
    pub(super) stamped_at: i64,
}

/// An access token.
pub(super) struct Grant {
    pub(super) token: SecretString,
    /// The seconds it still lives, by WeChat's word.
    pub(super) expires_in: i64,
}

impl Reply {
    /// Reads a body; a refusal is an error.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Cause> {
        let object = serde_json::from_str(&legible(body)).ok();
        let fields: Fields = sound(object, "it is not a JSON object")?;
        let errcode = match present(&fields, "errcode") {
            None => 0,
            Some(code) => sound(integer(code), "errcode is no number")?,
        };
        if errcode == 0 {
            Ok(Self(fields))
        } else {
            Err(Cause::Refused(Refusal { code: errcode, rid: rid(&fields) }))
        }
    }

    /// Reads what code2Session answers.
    pub(super) fn session(&self) -> Result<Session, Cause> {
        let Self(fields) = self;
        let openid = sound(visible(fields, "openid", ID_MAX), "there is no sound openid")?;
        let union_id = match present(fields, "unionid") {
            None => None,
            Some(Value::String(empty)) if empty.is_empty() => None,
            Some(_) => Some(sound(visible(fields, "unionid", ID_MAX), "unionid is not sound")?),
        };
        Ok(Session {
            openid: openid.to_owned(),
            union_id: union_id.map(str::to_owned),
            key: self.session_key()?,
        })
    }

    /// Reads the session key, which `code2Session` and `ResetUserSessionKey` answer.
    pub(super) fn session_key(&self) -> Result<SecretString, Cause> {
        let key = text(&self.0, "session_key").filter(|key| is_aes_key(key));
        sound(key, "there is no session_key of 16 bytes in Base64").map(SecretString::from)
    }

    /// Reads what getPhoneNumber answers.
    pub(super) fn phone(&self) -> Result<Phone, Cause> {
        Phone::read(sound(object(&self.0, "phone_info"), "there is no phone_info")?)
    }

    /// Reads what getStableAccessToken answers.
    pub(super) fn grant(&self) -> Result<Grant, Cause> {
        let token = visible(&self.0, "access_token", TOKEN_MAX);
        let expires_in = present(&self.0, "expires_in").and_then(integer);
        Ok(Grant {
            token: sound(token, "there is no sound access_token")?.into(),
            expires_in: sound(expires_in, "there is no expires_in")?,
        })
    }
}

impl Phone {
    /// Reads what WeChat encrypts, once it is decrypted.
    ///
    /// Who changes a bit of the ciphertext changes the same bit of the text one block later. The number
    /// stands there twice, so a change of one is noticed.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Cause> {
        let object: Option<Fields> = serde_json::from_slice(text).ok();
        let info = sound(object, "it is not a JSON object")?;
        let phone = Self::read(&info)?;
        let whole = self::text(&info, "phoneNumber");
        let same = whole.filter(|whole| whole.ends_with(phone.number.national()));
        sound(same, "there are two phone numbers").map(|_| phone)
    }

    /// `countryCode` is a number or a string, by the year.
    fn read(info: &Fields) -> Result<Self, Cause> {
        let stamp = sound(object(info, "watermark"), "there is no watermark")?;
        let app_id = sound(text(stamp, "appid"), "the watermark names no app")?;
        let stamped_at = present(stamp, "timestamp").and_then(integer);
        let country = present(info, "countryCode").and_then(integer);
        let country = sound(country, "there is no countryCode")?;
        let number = text(info, "purePhoneNumber")
            .and_then(|national| PhoneNumber::new(u16::try_from(country).ok()?, national).ok());
        Ok(Self {
            number: sound(number, "there is no possible phone number")?,
            app_id: app_id.to_owned(),
            stamped_at: sound(stamped_at, "the watermark has no timestamp")?,
        })
    }
}

/// The body as text in which only what matters can still be wrong: broken UTF-8 becomes U+FFFD and raw
/// control characters become spaces, neither of which an id or a key may hold.
fn legible(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}');
    text.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect()
}

fn sound<T>(found: Option<T>, otherwise: &'static str) -> Result<T, Cause> {
    found.ok_or(Cause::Unintelligible(otherwise))
}

fn present<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn object<'a>(fields: &'a Fields, name: &str) -> Option<&'a Fields> {
    fields.get(name).and_then(Value::as_object)
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// A text of 1 to `max` visible ASCII characters.
fn visible<'a>(fields: &'a Fields, name: &str, max: usize) -> Option<&'a str> {
    let text = text(fields, name)?;
    let sound = (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    sound.then_some(text)
}

/// A number, or a text that is one.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn is_aes_key(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|key| key.len() == 16)
}

/// The request id at the end of `errmsg`: three groups of hex digits. Nothing else of `errmsg` is
/// taken, because it can repeat what was sent.
fn rid(fields: &Fields) -> Option<String> {
    let (_, rest) = text(fields, "errmsg")?.rsplit_once("rid: ")?;
    let rid = rest.split(|c: char| !(c.is_ascii_hexdigit() || c == '-')).next()?;
    let groups: Vec<&str> = rid.split('-').collect();
    let sound = groups.len() == 3 && groups.iter().all(|group| (1..=8).contains(&group.len()));
    sound.then(|| rid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";
    const RID: &str = "66c69111-4157f271-729ca238";

    /// Reads a body as `read` does, and puts the outcome into words.
    fn outcome<T>(
        body: impl AsRef<[u8]>,
        read: impl Fn(&Reply) -> Result<T, Cause>,
        show: impl Fn(T) -> String,
    ) -> String {
        match Reply::parse(body.as_ref()).and_then(|reply| read(&reply)) {
            Ok(value) => show(value),
            Err(Cause::Refused(refusal)) => {
                format!("{} {}", refusal.code, refusal.rid.as_deref().unwrap_or("-"))
            }
            Err(cause) => cause.to_string(),
        }
    }

    fn session(body: impl AsRef<[u8]>) -> String {
        outcome(body, Reply::session, |session| {
            format!("{} {}", session.openid, session.union_id.as_deref().unwrap_or("-"))
        })
    }

    fn phone(body: impl AsRef<[u8]>) -> String {
        outcome(body, Reply::phone, |phone| {
            format!("{} {} {}", phone.number.e164(), phone.app_id, phone.stamped_at)
        })
    }

    fn grant(body: impl AsRef<[u8]>) -> String {
        use secrecy::ExposeSecret;
        outcome(body, Reply::grant, |grant| {
            format!("{} {}", grant.token.expose_secret(), grant.expires_in)
        })
    }

    #[test]
    fn a_session_is_read_in_all_its_spellings() {
        let union = |field: &str| format!(r#"{{"openid":"o1","session_key":"{KEY}"{field}}}"#);
        let escaped = union(r#","unionid":"u\/1","nickname":"a\u0000b""#);
        let spellings = [
            (union(""), "o1 -"),
            (union(r#","errcode":0,"errmsg":"ok""#), "o1 -"),
            (union(r#","errcode":"0""#), "o1 -"),
            (union(r#","errcode":null"#), "o1 -"),
            (union(r#","unionid":"""#), "o1 -"),
            (union(r#","unionid":null"#), "o1 -"),
            (union(r#","unionid":"u1""#), "o1 u1"),
            (escaped, "o1 u/1"),
            (format!("\u{feff} \r\n{}\n", union("")), "o1 -"),
            (union(",\"nickname\":\"raw\ncontrol\u{1}characters\""), "o1 -"),
        ];
        for (body, expected) in spellings {
            assert_eq!(session(&body), expected, "{body}");
        }
    }

    #[test]
    fn broken_text_that_nobody_needs_does_no_harm() {
        let mut body = format!(r#"{{"openid":"o1","session_key":"{KEY}","nickname":"#).into_bytes();
        body.extend(b"\"\xff\xfe\xe5\"}");
        assert_eq!(session(body), "o1 -");
    }

    #[test]
    fn a_session_without_a_sound_openid_or_key_is_unintelligible() {
        let (long, blank) = ("o".repeat(129), format!(r#"{{"session_key":"{KEY}"}}"#));
        let openid = |value: &str| format!(r#"{{"openid":{value},"session_key":"{KEY}"}}"#);
        let key = |value: &str| format!(r#"{{"openid":"o1","session_key":{value}}}"#);
        let bodies = [
            blank,
            openid("null"),
            openid("7"),
            openid(r#""""#),
            openid(r#""o 1""#),
            openid("\"o\u{1}1\""),
            openid(r#""码""#),
            openid(&format!(r#""{long}""#)),
            r#"{"openid":"o1"}"#.into(),
            key("7"),
            key(r#""""#),
            key(r#""tiihtNczf5v6AKRyjwEU""#),
            key(r#""tiihtNczf5v6 KRyjwEUhQ==""#),
            key(&format!(r#""{KEY}AAAA""#)),
            format!(r#"{{"openid":"o1","session_key":"{KEY}","unionid":7}}"#),
            format!(r#"{{"openid":"o1","session_key":"{KEY}","unionid":"{long}"}}"#),
        ];
        for body in bodies {
            let outcome = session(&body);
            assert!(outcome.starts_with("unintelligible answer: "), "{body}: {outcome}");
        }
    }

    #[test]
    fn what_is_no_json_object_is_unintelligible() {
        let deep = "[".repeat(10_000);
        let nested = format!("{}1{}", r#"{"a":"#.repeat(500), "}".repeat(500));
        let bodies: [&[u8]; 12] = [
            b"",
            b" ",
            b"null",
            b"[]",
            b"40029",
            b"\"openid\"",
            b"<html><body>502 Bad Gateway</body></html>",
            b"{\"openid\":\"o1\"",
            b"{\"openid\":\"o1\"}{",
            b"\x1f\x8b\x08\x00gzip",
            deep.as_bytes(),
            nested.as_bytes(),
        ];
        for body in bodies {
            assert_eq!(session(body), "unintelligible answer: it is not a JSON object");
        }
        for code in ["{}", "[]", "true", "\"\"", "\"busy\"", "40029.5", "99999999999999999999"] {
            let body = format!(r#"{{"errcode":{code}}}"#);
            assert_eq!(session(&body), "unintelligible answer: errcode is no number", "{body}");
        }
    }

    #[test]
    fn a_refusal_keeps_the_code_and_the_request_id_alone() {
        let refused = [
            (format!(r#"{{"errcode":40029,"errmsg":"invalid code, rid: {RID}"}}"#), 40029, RID),
            (
                format!(r#"{{"errcode":"40029","errmsg":"bad hint: [hE-X] rid: {RID}"}}"#),
                40029,
                RID,
            ),
            (format!(r#"{{"errcode":-1,"errmsg":"system error rid: {RID} ]"}}"#), -1, RID),
            (format!(r#"{{"errcode":40163,"openid":"o1","session_key":"{KEY}"}}"#), 40163, "-"),
            (r#"{"errcode":"-1"}"#.into(), -1, "-"),
            (r#"{"errcode":1,"errmsg":7}"#.into(), 1, "-"),
            (r#"{"errcode":1,"errmsg":"invalid code, hints: [ req_id: uhJDVZy ]"}"#.into(), 1, "-"),
            (r#"{"errcode":1,"errmsg":"rid: 0123456789abcdef-1-1"}"#.into(), 1, "-"),
            (r#"{"errcode":1,"errmsg":"rid: canary-code-here"}"#.into(), 1, "-"),
            (r#"{"errcode":1,"errmsg":"rid: 1-2-3-4"}"#.into(), 1, "-"),
            (r#"{"errcode":1,"errmsg":"rid: "}"#.into(), 1, "-"),
        ];
        for (body, code, rid) in refused {
            assert_eq!(session(&body), format!("{code} {rid}"), "{body}");
        }
    }

    fn phone_body(country: &str, number: &str, stamp: &str) -> String {
        format!(
            r#"{{"errcode":0,"errmsg":"ok","phone_info":{{"phoneNumber":"x","purePhoneNumber":{number},
            "countryCode":{country},"watermark":{stamp}}}}}"#
        )
    }

    #[test]
    fn a_phone_number_is_read_in_all_its_spellings() {
        let stamp = r#"{"timestamp":1637744274,"appid":"wx1"}"#;
        for country in ["86", r#""86""#, r#""+86""#, r#""0086""#] {
            let body = phone_body(country, r#""13580006666""#, stamp);
            assert_eq!(phone(&body), "+8613580006666 wx1 1637744274", "{country}");
        }
        let text_stamp = r#"{"timestamp":"1637744274","appid":"wx1"}"#;
        let body = phone_body("852", r#""91234567""#, text_stamp);
        assert_eq!(phone(body), "+85291234567 wx1 1637744274");
    }

    #[test]
    fn a_phone_answer_with_anything_missing_or_odd_is_unintelligible() {
        let (stamp, number) = (r#"{"timestamp":1637744274,"appid":"wx1"}"#, r#""13580006666""#);
        let bodies = [
            "{}".into(),
            r#"{"errcode":0,"phone_info":"13580006666"}"#.into(),
            phone_body("null", number, stamp),
            phone_body("0", number, stamp),
            phone_body("-86", number, stamp),
            phone_body("70000", number, stamp),
            phone_body(r#""CN""#, number, stamp),
            phone_body("86", "13580006666", stamp),
            phone_body("86", r#""""#, stamp),
            phone_body("86", r#""1358000666x""#, stamp),
            phone_body("86", number, "null"),
            phone_body("86", number, r#"{"timestamp":1637744274}"#),
            phone_body("86", number, r#"{"appid":"wx1"}"#),
            phone_body("86", number, r#"{"timestamp":"now","appid":"wx1"}"#),
        ];
        for body in bodies {
            let outcome = phone(&body);
            assert!(outcome.starts_with("unintelligible answer: "), "{body}: {outcome}");
        }
    }

    #[test]
    fn a_decrypted_number_stands_there_twice() {
        let read = |whole: &str| {
            let text = phone_body("86", r#""13580006666""#, r#"{"timestamp":1,"appid":"wx1"}"#);
            let text: Value = serde_json::from_str(&text).unwrap();
            let mut info = text["phone_info"].clone();
            info["phoneNumber"] = whole.into();
            Phone::parse(info.to_string().as_bytes()).is_ok()
        };
        assert!(read("13580006666") && read("+8613580006666"));
        assert!(!read("13580006667") && !read(""));
    }

    #[test]
    fn a_token_is_read_with_its_life_as_number_or_text() {
        assert_eq!(grant(r#"{"access_token":"71_a-b","expires_in":7200}"#), "71_a-b 7200");
        assert_eq!(grant(r#"{"access_token":"71_a-b","expires_in":"345"}"#), "71_a-b 345");
        for body in [
            "{}",
            r#"{"access_token":"","expires_in":7200}"#,
            r#"{"access_token":"a b","expires_in":7200}"#,
            r#"{"access_token":"a"}"#,
            r#"{"access_token":"a","expires_in":"soon"}"#,
        ] {
            let outcome = grant(body);
            assert!(outcome.starts_with("unintelligible answer: "), "{body}: {outcome}");
        }
    }
}
