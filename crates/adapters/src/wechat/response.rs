//! Responses of WeChat. The parser is lenient: a missing errcode means success, numbers may be strings, the content
//! type is ignored, and strings may contain bytes that JSON forbids.
//!
//! Errors of the JSON parser are dropped, because they quote the offending value, which may be a key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::model::member::phone::PhoneNumber;
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::call_error::{Cause, Refusal};

/// Maximum length of an openid or union id in bytes. WeChat's have 28, without a documented maximum.
const MAX_ID_LENGTH: usize = 128;

/// Maximum length of an access token in bytes. WeChat recommends to reserve 512.
const MAX_TOKEN_LENGTH: usize = 2048;

type Fields = Map<String, Value>;

/// Successful response.
pub(super) struct Response(Fields);

/// Session of a redeemed login code.
pub(super) struct Session {
    pub(super) openid: String,
    pub(super) union_id: Option<String>,
    /// Session key: 16 bytes in WeChat's Base64.
    pub(super) key: SecretString,
}

/// Phone number of a redeemed phone code, and its watermark.
pub(super) struct Phone {
    pub(super) number: PhoneNumber,
    /// App in which the user pressed the phone button.
    pub(super) app_id: String,
    /// Time at which the user pressed it, in Unix seconds.
    pub(super) stamped_at: i64,
}

/// Access token issued by WeChat.
pub(super) struct Grant {
    pub(super) token: SecretString,
    /// Remaining lifetime in seconds.
    pub(super) expires_in: i64,
}

impl Response {
    /// Parses a body. A refusal is an error.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Cause> {
        let object = serde_json::from_str(&sanitize(body)).ok();
        let fields: Fields = required(object, "not a JSON object")?;
        let errcode = match non_null(&fields, "errcode") {
            None => 0,
            Some(code) => required(integer(code), "errcode is not a number")?,
        };
        if errcode != 0 {
            return Err(Cause::Refused(Refusal { code: errcode, rid: rid(&fields) }));
        }
        Ok(Self(fields))
    }

    /// Reads the response of `code2Session`.
    pub(super) fn session(&self) -> Result<Session, Cause> {
        let Self(fields) = self;
        let openid = ascii_text(fields, "openid", MAX_ID_LENGTH);
        let openid = required(openid, "openid is missing or malformed")?;
        let union_id = match non_null(fields, "unionid") {
            None => None,
            Some(Value::String(empty)) if empty.is_empty() => None,
            Some(_) => {
                let union_id = ascii_text(fields, "unionid", MAX_ID_LENGTH);
                Some(required(union_id, "unionid is malformed")?)
            }
        };
        Ok(Session {
            openid: openid.to_owned(),
            union_id: union_id.map(str::to_owned),
            key: self.session_key()?,
        })
    }

    /// Reads the session key in the response of `code2Session` or `ResetUserSessionKey`.
    pub(super) fn session_key(&self) -> Result<SecretString, Cause> {
        let key = text(&self.0, "session_key").filter(|key| is_aes_key(key));
        required(key, "session_key is not 16 bytes in Base64").map(SecretString::from)
    }

    /// Reads the response of `getPhoneNumber`.
    pub(super) fn phone(&self) -> Result<Phone, Cause> {
        Phone::read(required(object(&self.0, "phone_info"), "phone_info is missing")?)
    }

    /// Reads the response of `getStableAccessToken`.
    pub(super) fn grant(&self) -> Result<Grant, Cause> {
        let token = ascii_text(&self.0, "access_token", MAX_TOKEN_LENGTH);
        let expires_in = non_null(&self.0, "expires_in").and_then(integer);
        Ok(Grant {
            token: required(token, "access_token is missing or malformed")?.into(),
            expires_in: required(expires_in, "expires_in is missing")?,
        })
    }
}

impl Phone {
    /// Parses decrypted phone data.
    ///
    /// An attacker who flips a bit of the ciphertext flips the same bit of the next block of the plaintext. The
    /// number is contained twice, so the change of one copy is noticed.
    pub(super) fn parse(plaintext: &[u8]) -> Result<Self, Cause> {
        let object: Option<Fields> = serde_json::from_slice(plaintext).ok();
        let info = required(object, "not a JSON object")?;
        let phone = Self::read(&info)?;
        let copy = text(&info, "phoneNumber");
        let copy = copy.filter(|copy| copy.ends_with(phone.number.national()));
        required(copy, "the two phone numbers differ").map(|_| phone)
    }

    /// Reads phone data. WeChat has sent `countryCode` as a number and as a string over the years.
    fn read(info: &Fields) -> Result<Self, Cause> {
        let watermark = required(object(info, "watermark"), "watermark is missing")?;
        let app_id = required(text(watermark, "appid"), "the watermark has no appid")?;
        let stamped_at = non_null(watermark, "timestamp").and_then(integer);
        let country = non_null(info, "countryCode").and_then(integer);
        let country = required(country, "countryCode is missing")?;
        let number = text(info, "purePhoneNumber")
            .and_then(|national| PhoneNumber::new(u16::try_from(country).ok()?, national).ok());
        Ok(Self {
            number: required(number, "the phone number is invalid")?,
            app_id: app_id.to_owned(),
            stamped_at: required(stamped_at, "the watermark has no timestamp")?,
        })
    }
}

/// Converts a body into text that a JSON parser accepts: invalid UTF-8 becomes U+FFFD, and control characters become
/// spaces. Neither can occur in a valid id or key.
fn sanitize(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}');
    text.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect()
}

fn required<T>(value: Option<T>, reason: &'static str) -> Result<T, Cause> {
    value.ok_or(Cause::InvalidResponse(reason))
}

fn non_null<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn object<'a>(fields: &'a Fields, name: &str) -> Option<&'a Fields> {
    fields.get(name).and_then(Value::as_object)
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// String field of 1 to `max` visible ASCII characters.
fn ascii_text<'a>(fields: &'a Fields, name: &str, max: usize) -> Option<&'a str> {
    let text = text(fields, name)?;
    let is_valid = (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    is_valid.then_some(text)
}

/// Integer in a number or a string.
fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn is_aes_key(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|key| key.len() == 16)
}

/// Request id at the end of `errmsg`: three groups of hexadecimal digits. The rest of `errmsg` is dropped, because it
/// may quote the request.
fn rid(fields: &Fields) -> Option<String> {
    let (_, rest) = text(fields, "errmsg")?.rsplit_once("rid: ")?;
    let rid = rest.split(|c: char| !(c.is_ascii_hexdigit() || c == '-')).next()?;
    let groups: Vec<&str> = rid.split('-').collect();
    let is_valid = groups.len() == 3 && groups.iter().all(|group| (1..=8).contains(&group.len()));
    is_valid.then(|| rid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "tiihtNczf5v6AKRyjwEUhQ==";
    const RID: &str = "66c69111-4157f271-729ca238";

    /// Reads a body with `read`, and formats the outcome.
    fn outcome<T>(
        body: impl AsRef<[u8]>,
        read: impl Fn(&Response) -> Result<T, Cause>,
        show: impl Fn(T) -> String,
    ) -> String {
        match Response::parse(body.as_ref()).and_then(|response| read(&response)) {
            Ok(value) => show(value),
            Err(Cause::Refused(refusal)) => {
                format!("{} {}", refusal.code, refusal.rid.as_deref().unwrap_or("-"))
            }
            Err(cause) => cause.to_string(),
        }
    }

    fn session(body: impl AsRef<[u8]>) -> String {
        outcome(body, Response::session, |session| {
            format!("{} {}", session.openid, session.union_id.as_deref().unwrap_or("-"))
        })
    }

    fn phone(body: impl AsRef<[u8]>) -> String {
        outcome(body, Response::phone, |phone| {
            format!("{} {} {}", phone.number.e164(), phone.app_id, phone.stamped_at)
        })
    }

    fn grant(body: impl AsRef<[u8]>) -> String {
        use secrecy::ExposeSecret;
        outcome(body, Response::grant, |grant| {
            format!("{} {}", grant.token.expose_secret(), grant.expires_in)
        })
    }

    #[test]
    fn session_is_read_in_all_spellings() {
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
    fn invalid_utf8_in_unused_fields_is_ignored() {
        let mut body = format!(r#"{{"openid":"o1","session_key":"{KEY}","nickname":"#).into_bytes();
        body.extend(b"\"\xff\xfe\xe5\"}");
        assert_eq!(session(body), "o1 -");
    }

    #[test]
    fn session_without_valid_openid_or_key_is_invalid() {
        let long = "o".repeat(129);
        let blank = format!(r#"{{"session_key":"{KEY}"}}"#);
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
            assert!(outcome.starts_with("invalid response: "), "{body}: {outcome}");
        }
    }

    #[test]
    fn body_that_is_not_a_json_object_is_invalid() {
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
            assert_eq!(session(body), "invalid response: not a JSON object");
        }
        for code in ["{}", "[]", "true", "\"\"", "\"busy\"", "40029.5", "99999999999999999999"] {
            let body = format!(r#"{{"errcode":{code}}}"#);
            assert_eq!(session(&body), "invalid response: errcode is not a number", "{body}");
        }
    }

    #[test]
    fn refusal_keeps_only_errcode_and_request_id() {
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
    fn phone_number_is_read_in_all_spellings() {
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
    fn phone_response_with_missing_or_malformed_fields_is_invalid() {
        let stamp = r#"{"timestamp":1637744274,"appid":"wx1"}"#;
        let number = r#""13580006666""#;
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
            assert!(outcome.starts_with("invalid response: "), "{body}: {outcome}");
        }
    }

    #[test]
    fn decrypted_phone_number_must_match_its_copy() {
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
    fn access_token_lifetime_is_number_or_string() {
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
            assert!(outcome.starts_with("invalid response: "), "{body}: {outcome}");
        }
    }
}
