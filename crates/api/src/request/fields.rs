//! The fields that requests are made of.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use domain::model::identity::conflict_policy::ConflictResolution;
use domain::model::member::Gender;
use domain::model::member::avatar::{AVATAR_MAX, Avatar};
use domain::model::member::nickname::{NICKNAME_MAX, Nickname, NicknameError};
use domain::model::secret::{LoginCode, PhoneCode, RefreshToken};
use salvo::oapi::{BasicType, Object};
use serde_json::Value;

use crate::request::form::Field;

pub(crate) mod admin;
pub(crate) mod app;

/// The longest name or id of an app that is looked up at all, in Unicode scalar values.
const APP_MAX: usize = 64;

/// The longest refresh token that is looked at, in bytes.
const REFRESH_TOKEN_MAX: usize = 512;

/// The longest parameter of a push that is looked at, in bytes.
const PUSH_MAX: usize = 128;

/// The longest encrypted data that are looked at, in characters. Those with a phone number have 200.
const ENCRYPTED_MAX: usize = 4096;

/// The longest open id, in bytes.
const OPENID_MAX: usize = 128;

/// One line of text: neither control characters nor Unicode's line and paragraph separators.
const ONE_LINE: &str = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$";

/// One line of text that holds more than blanks.
const NOT_BLANK: &str = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*[^\u0000-\u0020\u007F-\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000][^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$";

/// Who wants to log in.
pub(crate) const CODE: Field<LoginCode> = Field {
    name: "code",
    read: |value| parse(value, LoginCode::parse),
    schema: || code("The one-time code of `wx.login`.", "0a3KxV100Yx3fS1t2w000mZlTq1KxV1a"),
};

/// Which phone number they have.
pub(crate) const PHONE_CODE: Field<PhoneCode> = Field {
    name: "phoneCode",
    read: |value| parse(value, PhoneCode::parse),
    schema: || {
        let example = "e31968a7f94cc5ee25fafc2aef2773f0bb8c3937b22520eb8ee345274d00c144";
        code(
            "The one-time code of the phone button (`e.detail.code`), never that of `wx.login`.",
            example,
        )
    },
};

/// Data that WeChat encrypted.
pub(crate) const ENCRYPTED_DATA: Field<Vec<u8>> = Field {
    name: "encryptedData",
    read: |value| {
        let text = text(value)?;
        let fits = (1..=ENCRYPTED_MAX).contains(&text.len());
        let data = fits.then(|| BASE64_STANDARD.decode(text).ok()).flatten();
        data.ok_or_else(|| format!("is not 1 to {ENCRYPTED_MAX} characters of Base64"))
    },
    schema: || {
        let about = "The older `e.detail.encryptedData` of the phone button.";
        string(about, "bm90IGEgcmVhbCBwaG9uZQ==").min_length(1).max_length(ENCRYPTED_MAX).pattern(
            "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?$",
        )
    },
};

/// What their encryption began with.
pub(crate) const IV: Field<[u8; 16]> = Field {
    name: "iv",
    read: |value| {
        let bytes = BASE64_STANDARD.decode(text(value)?).ok();
        let iv = bytes.and_then(|bytes| bytes.try_into().ok());
        iv.ok_or_else(|| "is not 16 bytes in Base64".to_owned())
    },
    schema: || {
        string("The `e.detail.iv` that came with `encryptedData`.", "MDEyMzQ1Njc4OWFiY2RlZg==")
            .pattern("^[A-Za-z0-9+/]{21}[AQgw]==$")
    },
};

/// Who a user is within an app.
pub(crate) const OPENID: Field<String> = Field {
    name: "openid",
    read: |value| {
        let id = text(value)?;
        let fits = (1..=OPENID_MAX).contains(&id.len());
        let visible = fits && id.bytes().all(|b| b.is_ascii_graphic());
        let fault = || format!("an openid is 1 to {OPENID_MAX} visible ASCII characters");
        visible.then(|| id.to_owned()).ok_or_else(fault)
    },
    schema: || {
        string("The user within the app.", "oABCD1234567890abcdefghijklm")
            .min_length(1)
            .max_length(OPENID_MAX)
            .pattern("^[!-~]+$")
    },
};

/// Data that WeChat signed: any text, to the byte.
pub(crate) const RAW_DATA: Field<String> = Field {
    name: "rawData",
    read: |value| value.as_str().map(str::to_owned).ok_or_else(|| "is not a text".to_owned()),
    schema: || {
        string(
            "The `rawData` exactly as the mini program got it, not parsed and written anew.",
            r#"{"nickName":"Band","gender":1}"#,
        )
    },
};

/// WeChat's signature of them.
pub(crate) const DATA_SIGNATURE: Field<String> = Field {
    name: "signature",
    read: |value| {
        let signature = text(value)?;
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let fits = signature.len() == 40 && signature.bytes().all(digit);
        fits.then(|| signature.to_owned())
            .ok_or_else(|| "is not 40 hexadecimal digits in lower case".to_owned())
    },
    schema: || {
        string(
            "The `signature` that came with `rawData`.",
            "75e81ceda165f4ffa64f4068af58c64b8f54b88c",
        )
        .pattern("^[0-9a-f]{40}$")
    },
};

/// What prolongs a session.
pub(crate) const REFRESH_TOKEN: Field<RefreshToken> = Field {
    name: "refreshToken",
    read: |value| {
        let token = text(value)?;
        let fits = (1..=REFRESH_TOKEN_MAX).contains(&token.len());
        if fits && token.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(RefreshToken::new(token.into()))
        } else {
            Err(format!("a refresh token is 1 to {REFRESH_TOKEN_MAX} visible ASCII characters"))
        }
    },
    schema: || {
        let about = "The `refreshToken` of the last login or refresh.";
        code(about, "Zm9yIHRoZSBkb2N1bWVudCBvbmx5LCBub3QgYSByZWFsIHRva2Vu")
    },
};

/// The token that another service asks about: any text, since what is none is told as a bad one.
pub(crate) const TOKEN: Field<String> = Field {
    name: "token",
    read: |value| value.as_str().map(str::to_owned).ok_or_else(|| "is not a text".to_owned()),
    schema: || string("An access or refresh token.", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln").min_length(1),
};

/// What the other service takes the token for. It need not be right, so it is not looked at.
pub(crate) const TOKEN_TYPE_HINT: Field<()> = Field {
    name: "token_type_hint",
    read: |_| Ok(()),
    schema: || string("Ignored: both kinds are told apart without it.", "access_token"),
};

/// Which app is meant.
pub(crate) const APP: Field<String> = Field {
    name: "app",
    read: |value| {
        let app = text(value)?;
        let fits = (1..=APP_MAX).contains(&app.chars().count());
        fits.then(|| app.to_owned()).ok_or_else(|| format!("is not 1 to {APP_MAX} characters long"))
    },
    schema: || {
        string(
            "The app that is meant, by its name here or its app id; the first one when absent.",
            "main",
        )
        .min_length(1)
        .max_length(APP_MAX)
        .pattern(r"^[^\u0000]*$")
    },
};

/// What becomes of two members who are one person.
pub(crate) const ON_CONFLICT: Field<ConflictResolution> = Field {
    name: "onConflict",
    read: |value| {
        let resolution = value.as_str().and_then(ConflictResolution::from_name);
        resolution.ok_or_else(|| "is neither `merge` nor `separate`".to_owned())
    },
    schema: || {
        string("What the user wants if they turn out to be two members: to become one, or to stay two. Asked for by a `conflict` whose `reason` is `merge_required`.", "merge")
            .enum_values(ConflictResolution::NAMES.iter().copied())
    },
};

/// What a newcomer wants to be called; `None` when they left what WeChat put there.
pub(crate) const PREFERRED_NICKNAME: Field<Option<Nickname>> = Field {
    name: "nickName",
    read: |value| match Nickname::parse(text(value)?) {
        Ok(nickname) => Ok(Some(nickname)),
        Err(NicknameError::Unchosen) => Ok(None),
        Err(fault @ (NicknameError::TooLong | NicknameError::ControlCharacter)) => {
            Err(fault.to_string())
        }
    },
    schema: || {
        string("What the user wants to be called, should this be their first login. Blank or `微信用户` counts as absent.", "小明")
            .max_length(NICKNAME_MAX)
            .pattern(ONE_LINE)
    },
};

/// What a member wants to be called from now on.
pub(crate) const NICKNAME: Field<Nickname> = Field {
    name: "nickName",
    read: |value| parse(value, Nickname::parse),
    schema: || {
        string("The new name: not blank, not `微信用户`.", "小明")
            .min_length(1)
            .max_length(NICKNAME_MAX)
            .pattern(NOT_BLANK)
    },
};

/// A member's new picture; `None` for none.
pub(crate) const AVATAR: Field<Option<Avatar>> = Field {
    name: "avatar",
    read: |value| match text(value)? {
        "" => Ok(None),
        address => Avatar::parse(address).map(Some).map_err(|fault| fault.to_string()),
    },
    schema: || {
        let allowed = r"!#-&(-;=?-\[\]_a-z~";
        let host = r"!$-&(-.0-;=A-\[\]_a-z~";
        string(
            "The `https` address of the new picture; an empty text removes the picture.",
            "https://img.example.com/a.png",
        )
        .max_length(AVATAR_MAX)
        .pattern(format!("^(https://[{host}]+([/?#][{allowed}]*)?)?$"))
    },
};

/// A member's new gender.
pub(crate) const GENDER: Field<Gender> = Field {
    name: "gender",
    read: |value| {
        // In JSON, 1.0 and 1 are the same number.
        let is = |gender: &Gender| value.as_f64() == Some(f64::from(gender.code()));
        let mut genders = (0..=u8::MAX).map_while(Gender::from_code);
        genders.find(is).ok_or_else(|| "is not 0, 1 or 2".to_owned())
    },
    schema: || {
        Object::with_type(BasicType::Integer)
            .description("0 not told, 1 male, 2 female.")
            .minimum(0)
            .maximum(2)
            .example(1)
    },
};

/// By what WeChat shows that a call is its own.
pub(crate) const SIGNATURE: Field<String> = Field {
    name: "signature",
    read: visible,
    schema: || {
        let example = "f464b24fc39322e44b38aa78f5edd27bd1441696";
        push("WeChat's signature over push token, time and nonce.", example)
    },
};

/// By what it shows that an encrypted message is its own.
pub(crate) const MESSAGE_SIGNATURE: Field<String> = Field {
    name: "msg_signature",
    read: visible,
    schema: || {
        let example = "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3";
        push("WeChat's signature over an encrypted message.", example)
    },
};

/// When it was signed.
pub(crate) const TIMESTAMP: Field<String> = Field {
    name: "timestamp",
    read: visible,
    schema: || push("When it was signed, in Unix seconds.", "1714036504"),
};

/// What makes a signature the only one.
pub(crate) const NONCE: Field<String> = Field {
    name: "nonce",
    read: visible,
    schema: || push("What makes the signature the only one.", "1514711492"),
};

/// What WeChat wants to hear.
pub(crate) const ECHOSTR: Field<String> = Field {
    name: "echostr",
    read: visible,
    schema: || push("What is answered.", "4375120948345356249"),
};

/// A parameter of WeChat's calls.
fn visible(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    let fits = (1..=PUSH_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    let why = || format!("is not 1 to {PUSH_MAX} visible ASCII characters");
    fits.then(|| text.to_owned()).ok_or_else(why)
}

fn push(about: &str, example: &str) -> Object {
    string(about, example).min_length(1).max_length(PUSH_MAX).pattern("^[!-~]+$")
}

/// A text without NUL, which not every database can keep.
fn text(value: &Value) -> Result<&str, String> {
    match value.as_str() {
        None => Err("is not a text".to_owned()),
        Some(text) if text.contains('\0') => Err("holds a NUL character".to_owned()),
        Some(text) => Ok(text),
    }
}

fn parse<T, E: ToString>(value: &Value, parse: fn(&str) -> Result<T, E>) -> Result<T, String> {
    parse(text(value)?).map_err(|fault| fault.to_string())
}

fn code(about: &str, example: &str) -> Object {
    string(about, example).min_length(1).max_length(512).pattern("^[!-~]+$")
}

fn string(about: &str, example: &str) -> Object {
    Object::with_type(BasicType::String).description(about).example(example)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    /// Whether the document and the service agree that this value is one, and is none.
    pub(super) fn agree<T>(field: &Field<T>, values: &[&str]) {
        let schema = (field.schema)();
        let pattern = schema.pattern.as_deref().map(|pattern| Regex::new(pattern).unwrap());
        for value in values {
            let length = value.chars().count();
            let told = pattern.as_ref().is_none_or(|pattern| pattern.is_match(value))
                && schema.min_length.is_none_or(|least| length >= least)
                && schema.max_length.is_none_or(|most| length <= most);
            let taken = (field.read)(&Value::String((*value).to_owned())).is_ok();
            assert_eq!(taken, told, "{} {value:?}", field.name);
        }
    }

    #[test]
    fn the_document_tells_what_codes_are_taken() {
        let (longest, longer) = ("x".repeat(512), "x".repeat(513));
        let codes =
            ["", " ", "a b", "a\n", "\0", "码", "0a3Kx-_/+.=", "!~", "\u{7f}", &longest, &longer];
        agree(&CODE, &codes);
        agree(&PHONE_CODE, &codes);
        agree(&REFRESH_TOKEN, &codes);
    }

    #[test]
    fn the_document_tells_what_encrypted_data_are_taken() {
        let (longest, longer) = ("A".repeat(4096), "A".repeat(4100));
        let iv = "r7BXXKkLb8qrSNn05n0qiA==";
        let short = &iv[..20];
        let texts = [
            "",
            " ",
            "AAAA",
            "AAA=",
            "AAB=",
            "AA==",
            "AB==",
            "A===",
            "AAA",
            "AA A",
            "A-_A",
            "AA==AAAA",
            iv,
            short,
            &iv[..22],
            "r7BXXKkLb8qrSNn05n0qiB==",
            &longest,
            &longer,
        ];
        agree(&ENCRYPTED_DATA, &texts);
        agree(&IV, &texts);
        let bytes: Vec<usize> = (1..40)
            .filter(|length| {
                let text = BASE64_STANDARD.encode(vec![7; *length]);
                (IV.read)(&Value::String(text)).is_ok()
            })
            .collect();
        assert_eq!(bytes, [16]);
    }

    #[test]
    fn the_document_tells_what_back_ends_may_ask_about() {
        let (longest, longer) = ("o".repeat(128), "o".repeat(129));
        agree(&OPENID, &["", "o1", "o 1", "码", "o\n", &longest, &longer]);
        agree(&RAW_DATA, &["", "{}", "码\n"]);
        let (sound, long) = ("0a".repeat(20), "0a".repeat(21));
        agree(
            &DATA_SIGNATURE,
            &["", &sound, &sound[1..], &long, &sound.to_uppercase(), &"g".repeat(40)],
        );
    }

    #[test]
    fn the_document_tells_what_names_are_taken() {
        let (longest, longer) = ("名".repeat(64), "名".repeat(65));
        let names = [
            "小明",
            "👨‍👩‍👧",
            "a\0",
            "a\n",
            "\u{7f}",
            "\u{9f}",
            "a\u{2028}b",
            "a\u{2029}",
            "\u{202e}",
            &longest,
            &longer,
        ];
        agree(&NICKNAME, &names);
        agree(&PREFERRED_NICKNAME, &names);
        agree(&PREFERRED_NICKNAME, &["", " ", "微信用户"]);
        agree(&NICKNAME, &["", " ", "\u{3000}", " a ", "\u{feff}", "\u{200b}"]);
        let apps = ["", "main", "a\0", &"名".repeat(64), &"x".repeat(65)];
        agree(&APP, &apps);
    }

    #[test]
    fn the_document_tells_what_avatars_are_taken() {
        let visible = ('!'..='~').collect::<String>();
        let mut avatars: Vec<String> = [
            "",
            "https://",
            "https:///x",
            "https://a",
            "https://a/?#",
            "http://a",
            "https://u@a",
            "https://a/@",
            "HTTPS://a",
            "https://a/\u{e9}",
            "x https://a",
            "https://a\n",
        ]
        .map(String::from)
        .into();
        avatars.extend(
            visible.chars().flat_map(|c| [format!("https://a{c}b"), format!("https://a/{c}")]),
        );
        avatars.extend([504, 505].map(|length| format!("https://{}", "x".repeat(length))));
        agree(&AVATAR, &avatars.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn the_document_tells_what_genders_are_taken() {
        let schema = serde_json::to_value((GENDER.schema)()).unwrap();
        for code in 0..=3_u64 {
            let told = code <= schema["maximum"].as_u64().unwrap();
            for number in [code.to_string(), format!("{code}.0"), format!("{code}e0")] {
                let value = serde_json::from_str(&number).unwrap();
                assert_eq!((GENDER.read)(&value).is_ok(), told, "{number}");
            }
        }
    }
}
