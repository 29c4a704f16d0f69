//! Fields of requests.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use domain::model::identity::conflict_policy::ConflictResolution;
use domain::model::member::Gender;
use domain::model::member::avatar::{Avatar, MAX_AVATAR_BYTES};
use domain::model::member::nickname::{MAX_NICKNAME_CHARS, Nickname, NicknameError};
use domain::model::secret::{LoginCode, PhoneCode, RefreshToken};
use salvo::oapi::{BasicType, Object};
use serde_json::Value;

use crate::request::form::Field;

pub(crate) mod admin;
pub(crate) mod app;

/// Maximum length of an app name or app id in Unicode scalar values.
const MAX_APP: usize = 64;

/// Maximum length of a refresh token in bytes.
const MAX_REFRESH_TOKEN: usize = 512;

/// Maximum length of a message push parameter in bytes.
const MAX_PUSH_PARAMETER: usize = 128;

/// Maximum length of encrypted data in characters. Data with a phone number have 200.
const MAX_ENCRYPTED: usize = 4096;

/// Maximum length of an openid in bytes.
const MAX_OPENID: usize = 128;

/// Pattern of one line of text: no control characters, no Unicode line and paragraph separators.
const ONE_LINE: &str = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$";

/// Pattern of one line of text that is not blank.
const NOT_BLANK: &str = r"^[^\u0000-\u001F\u007F-\u009F\u2028\u2029]*[^\u0000-\u0020\u007F-\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000][^\u0000-\u001F\u007F-\u009F\u2028\u2029]*$";

/// Login code.
pub(crate) const CODE: Field<LoginCode> = Field {
    name: "code",
    read: |value| parse(value, LoginCode::parse),
    schema: || code("One-time code of `wx.login`.", "0a3KxV100Yx3fS1t2w000mZlTq1KxV1a"),
};

/// Phone code.
pub(crate) const PHONE_CODE: Field<PhoneCode> = Field {
    name: "phoneCode",
    read: |value| parse(value, PhoneCode::parse),
    schema: || {
        let example = "e31968a7f94cc5ee25fafc2aef2773f0bb8c3937b22520eb8ee345274d00c144";
        code(
            "One-time code of the phone button (`e.detail.code`); not the code of `wx.login`.",
            example,
        )
    },
};

/// Data encrypted by WeChat.
pub(crate) const ENCRYPTED_DATA: Field<Vec<u8>> = Field {
    name: "encryptedData",
    read: |value| {
        let text = text(value)?;
        let fits = (1..=MAX_ENCRYPTED).contains(&text.len());
        let data = fits.then(|| BASE64_STANDARD.decode(text).ok()).flatten();
        data.ok_or_else(|| format!("is not 1 to {MAX_ENCRYPTED} characters of Base64"))
    },
    schema: || {
        let description = "Legacy `e.detail.encryptedData` of the phone button.";
        string(description, "bm90IGEgcmVhbCBwaG9uZQ==")
            .min_length(1)
            .max_length(MAX_ENCRYPTED)
            .pattern(
                "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)?$",
            )
    },
};

/// Initialization vector of the encrypted data.
pub(crate) const IV: Field<[u8; 16]> = Field {
    name: "iv",
    read: |value| {
        let bytes = BASE64_STANDARD.decode(text(value)?).ok();
        let iv = bytes.and_then(|bytes| bytes.try_into().ok());
        iv.ok_or_else(|| "is not 16 bytes in Base64".to_owned())
    },
    schema: || {
        string("`e.detail.iv` of the same event as `encryptedData`.", "MDEyMzQ1Njc4OWFiY2RlZg==")
            .pattern("^[A-Za-z0-9+/]{21}[AQgw]==$")
    },
};

/// Openid of a user.
pub(crate) const OPENID: Field<String> = Field {
    name: "openid",
    read: |value| {
        let id = text(value)?;
        let fits = (1..=MAX_OPENID).contains(&id.len());
        if !fits || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!("an openid is 1 to {MAX_OPENID} visible ASCII characters"));
        }
        Ok(id.to_owned())
    },
    schema: || {
        string("Openid of the user in the app.", "oABCD1234567890abcdefghijklm")
            .min_length(1)
            .max_length(MAX_OPENID)
            .pattern("^[!-~]+$")
    },
};

/// Data signed by WeChat: any text, unchanged.
pub(crate) const RAW_DATA: Field<String> = Field {
    name: "rawData",
    read: |value| value.as_str().map(str::to_owned).ok_or_else(|| "is not a text".to_owned()),
    schema: || {
        string(
            "`rawData` exactly as the mini program received it, not parsed and serialized again.",
            r#"{"nickName":"Band","gender":1}"#,
        )
    },
};

/// WeChat's signature of `rawData`.
pub(crate) const DATA_SIGNATURE: Field<String> = Field {
    name: "signature",
    read: |value| {
        let signature = text(value)?;
        let is_lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let fits = signature.len() == 40 && signature.bytes().all(is_lower_hex);
        fits.then(|| signature.to_owned())
            .ok_or_else(|| "is not 40 hexadecimal digits in lower case".to_owned())
    },
    schema: || {
        string(
            "`signature` that WeChat returned with `rawData`.",
            "75e81ceda165f4ffa64f4068af58c64b8f54b88c",
        )
        .pattern("^[0-9a-f]{40}$")
    },
};

/// Refresh token.
pub(crate) const REFRESH_TOKEN: Field<RefreshToken> = Field {
    name: "refreshToken",
    read: |value| {
        let token = text(value)?;
        let fits = (1..=MAX_REFRESH_TOKEN).contains(&token.len());
        if !fits || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!(
                "a refresh token is 1 to {MAX_REFRESH_TOKEN} visible ASCII characters"
            ));
        }
        Ok(RefreshToken::new(token.into()))
    },
    schema: || {
        let description = "`refreshToken` of the last login or refresh.";
        code(description, "Zm9yIHRoZSBkb2N1bWVudCBvbmx5LCBub3QgYSByZWFsIHRva2Vu")
    },
};

/// Token to introspect or revoke: any text, since malformed tokens are reported as inactive.
pub(crate) const TOKEN: Field<String> = Field {
    name: "token",
    read: |value| value.as_str().map(str::to_owned).ok_or_else(|| "is not a text".to_owned()),
    schema: || {
        string("Access token or refresh token.", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln").min_length(1)
    },
};

/// Type of the token as assumed by the client. It may be wrong, so it is ignored.
pub(crate) const TOKEN_TYPE_HINT: Field<()> = Field {
    name: "token_type_hint",
    read: |_| Ok(()),
    schema: || string("Ignored: the server recognizes the type of the token.", "access_token"),
};

/// App by name or app id.
pub(crate) const APP: Field<String> = Field {
    name: "app",
    read: |value| {
        let app = text(value)?;
        let fits = (1..=MAX_APP).contains(&app.chars().count());
        fits.then(|| app.to_owned()).ok_or_else(|| format!("is not 1 to {MAX_APP} characters long"))
    },
    schema: || {
        string("Name or app id of the app (default: the first app).", "main")
            .min_length(1)
            .max_length(MAX_APP)
            .pattern(r"^[^\u0000]*$")
    },
};

/// Resolution if two members are the same user.
pub(crate) const ON_CONFLICT: Field<ConflictResolution> = Field {
    name: "onConflict",
    read: |value| {
        let resolution = value.as_str().and_then(ConflictResolution::from_name);
        resolution.ok_or_else(|| "is neither `merge` nor `separate`".to_owned())
    },
    schema: || {
        string("The user's choice if two members are the same user: merge the accounts, or keep them separate. Send it after a `conflict` with the reason `merge_required`.", "merge")
            .enum_values(ConflictResolution::NAMES.iter().copied())
    },
};

/// Nickname for a new member; `None` if the user kept WeChat's placeholder.
pub(crate) const INITIAL_NICKNAME: Field<Option<Nickname>> = Field {
    name: "nickName",
    read: |value| match Nickname::parse(text(value)?) {
        Ok(nickname) => Ok(Some(nickname)),
        Err(NicknameError::BlankOrPlaceholder) => Ok(None),
        Err(error @ (NicknameError::TooLong | NicknameError::ControlCharacter)) => {
            Err(error.to_string())
        }
    },
    schema: || {
        string("Nickname if this is the user's first login. A blank name or `微信用户` counts as absent.", "小明")
            .max_length(MAX_NICKNAME_CHARS)
            .pattern(ONE_LINE)
    },
};

/// New nickname of a member.
pub(crate) const NICKNAME: Field<Nickname> = Field {
    name: "nickName",
    read: |value| parse(value, Nickname::parse),
    schema: || {
        string("New nickname; not blank, not `微信用户`.", "小明")
            .min_length(1)
            .max_length(MAX_NICKNAME_CHARS)
            .pattern(NOT_BLANK)
    },
};

/// New avatar of a member; `None` removes it.
pub(crate) const AVATAR: Field<Option<Avatar>> = Field {
    name: "avatar",
    read: |value| match text(value)? {
        "" => Ok(None),
        url => Avatar::parse(url).map(Some).map_err(|error| error.to_string()),
    },
    schema: || {
        let allowed = r"!#-&(-;=?-\[\]_a-z~";
        let host = r"!$-&(-.0-;=A-\[\]_a-z~";
        string(
            "`https` URL of the new avatar; an empty text removes the avatar.",
            "https://img.example.com/a.png",
        )
        .max_length(MAX_AVATAR_BYTES)
        .pattern(format!("^(https://[{host}]+([/?#][{allowed}]*)?)?$"))
    },
};

/// New gender of a member.
pub(crate) const GENDER: Field<Gender> = Field {
    name: "gender",
    read: |value| {
        // 1.0 and 1 are the same number in JSON.
        let matches = |gender: &Gender| value.as_f64() == Some(f64::from(gender.code()));
        let mut genders = (0..=u8::MAX).map_while(Gender::from_code);
        genders.find(matches).ok_or_else(|| "is not 0, 1 or 2".to_owned())
    },
    schema: || {
        Object::with_type(BasicType::Integer)
            .description("0 unknown, 1 male, 2 female.")
            .minimum(0)
            .maximum(2)
            .example(1)
    },
};

/// WeChat's signature of a message push call.
pub(crate) const SIGNATURE: Field<String> = Field {
    name: "signature",
    read: visible_ascii,
    schema: || {
        let example = "f464b24fc39322e44b38aa78f5edd27bd1441696";
        push_parameter("WeChat's signature of push token, timestamp and nonce.", example)
    },
};

/// WeChat's signature of an encrypted message.
pub(crate) const MESSAGE_SIGNATURE: Field<String> = Field {
    name: "msg_signature",
    read: visible_ascii,
    schema: || {
        let example = "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3";
        push_parameter("WeChat's signature of an encrypted message.", example)
    },
};

/// Timestamp of the signature.
pub(crate) const TIMESTAMP: Field<String> = Field {
    name: "timestamp",
    read: visible_ascii,
    schema: || push_parameter("Time of the signature in Unix seconds.", "1714036504"),
};

/// Nonce of the signature.
pub(crate) const NONCE: Field<String> = Field {
    name: "nonce",
    read: visible_ascii,
    schema: || push_parameter("Nonce of the signature.", "1514711492"),
};

/// Text that WeChat expects as the response to its check of the URL.
pub(crate) const ECHOSTR: Field<String> = Field {
    name: "echostr",
    read: visible_ascii,
    schema: || push_parameter("Text to respond with.", "4375120948345356249"),
};

/// Parses a parameter of WeChat's message push.
fn visible_ascii(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    let fits = (1..=MAX_PUSH_PARAMETER).contains(&text.len());
    if !fits || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("is not 1 to {MAX_PUSH_PARAMETER} visible ASCII characters"));
    }
    Ok(text.to_owned())
}

fn push_parameter(description: &str, example: &str) -> Object {
    string(description, example).min_length(1).max_length(MAX_PUSH_PARAMETER).pattern("^[!-~]+$")
}

/// Returns the text. NUL characters are rejected, because not every database can store them.
fn text(value: &Value) -> Result<&str, String> {
    match value.as_str() {
        None => Err("is not a text".to_owned()),
        Some(text) if text.contains('\0') => Err("contains a NUL character".to_owned()),
        Some(text) => Ok(text),
    }
}

fn parse<T, E: ToString>(value: &Value, parse: fn(&str) -> Result<T, E>) -> Result<T, String> {
    parse(text(value)?).map_err(|error| error.to_string())
}

fn code(description: &str, example: &str) -> Object {
    string(description, example).min_length(1).max_length(512).pattern("^[!-~]+$")
}

fn string(description: &str, example: &str) -> Object {
    Object::with_type(BasicType::String).description(description).example(example)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    /// Asserts for each value that schema and parser agree on whether it is valid.
    pub(super) fn assert_schema_matches_parser<T>(field: &Field<T>, values: &[&str]) {
        let schema = (field.schema)();
        let pattern = schema.pattern.as_deref().map(|pattern| Regex::new(pattern).unwrap());
        for value in values {
            let length = value.chars().count();
            let is_valid = pattern.as_ref().is_none_or(|pattern| pattern.is_match(value))
                && schema.min_length.is_none_or(|min| length >= min)
                && schema.max_length.is_none_or(|max| length <= max);
            let is_accepted = (field.read)(&Value::String((*value).to_owned())).is_ok();
            assert_eq!(is_accepted, is_valid, "{} {value:?}", field.name);
        }
    }

    #[test]
    fn schemas_of_codes_match_their_parsers() {
        let longest = "x".repeat(512);
        let too_long = "x".repeat(513);
        let codes =
            ["", " ", "a b", "a\n", "\0", "码", "0a3Kx-_/+.=", "!~", "\u{7f}", &longest, &too_long];
        assert_schema_matches_parser(&CODE, &codes);
        assert_schema_matches_parser(&PHONE_CODE, &codes);
        assert_schema_matches_parser(&REFRESH_TOKEN, &codes);
    }

    #[test]
    fn schemas_of_encrypted_data_match_their_parsers() {
        let longest = "A".repeat(4096);
        let too_long = "A".repeat(4100);
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
            &too_long,
        ];
        assert_schema_matches_parser(&ENCRYPTED_DATA, &texts);
        assert_schema_matches_parser(&IV, &texts);
        let bytes: Vec<usize> = (1..40)
            .filter(|length| {
                let text = BASE64_STANDARD.encode(vec![7; *length]);
                (IV.read)(&Value::String(text)).is_ok()
            })
            .collect();
        assert_eq!(bytes, [16]);
    }

    #[test]
    fn schemas_of_user_data_match_their_parsers() {
        let longest = "o".repeat(128);
        let too_long = "o".repeat(129);
        assert_schema_matches_parser(&OPENID, &["", "o1", "o 1", "码", "o\n", &longest, &too_long]);
        assert_schema_matches_parser(&RAW_DATA, &["", "{}", "码\n"]);
        let valid = "0a".repeat(20);
        let long = "0a".repeat(21);
        assert_schema_matches_parser(
            &DATA_SIGNATURE,
            &["", &valid, &valid[1..], &long, &valid.to_uppercase(), &"g".repeat(40)],
        );
    }

    #[test]
    fn schemas_of_names_match_their_parsers() {
        let longest = "名".repeat(64);
        let too_long = "名".repeat(65);
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
            &too_long,
        ];
        assert_schema_matches_parser(&NICKNAME, &names);
        assert_schema_matches_parser(&INITIAL_NICKNAME, &names);
        assert_schema_matches_parser(&INITIAL_NICKNAME, &["", " ", "微信用户"]);
        assert_schema_matches_parser(
            &NICKNAME,
            &["", " ", "\u{3000}", " a ", "\u{feff}", "\u{200b}"],
        );
        let apps = ["", "main", "a\0", &"名".repeat(64), &"x".repeat(65)];
        assert_schema_matches_parser(&APP, &apps);
    }

    #[test]
    fn schema_of_avatar_matches_its_parser() {
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
        assert_schema_matches_parser(
            &AVATAR,
            &avatars.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }

    #[test]
    fn schema_of_gender_matches_its_parser() {
        let schema = serde_json::to_value((GENDER.schema)()).unwrap();
        for code in 0..=3_u64 {
            let is_valid = code <= schema["maximum"].as_u64().unwrap();
            for number in [code.to_string(), format!("{code}.0"), format!("{code}e0")] {
                let value = serde_json::from_str(&number).unwrap();
                assert_eq!((GENDER.read)(&value).is_ok(), is_valid, "{number}");
            }
        }
    }
}
