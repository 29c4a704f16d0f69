//! Fields of requests that manage apps.

use std::ops::RangeInclusive;
use std::time::Duration;

use domain::model::app::name::{AppId, AppName, MAX_APP_ID_BYTES};
use domain::model::app::secret::{self, AppSecret, PushKey, PushToken};
use domain::model::identity::conflict_policy::ConflictPolicy;
use salvo::oapi::{BasicType, Object};
use serde_json::Value;

use crate::request::fields::{parse, string, text};
use crate::request::form::Field;

/// Maximum length of the name of an Open Platform account in characters.
const MAX_OPEN_PLATFORM: usize = 64;

/// Name of an app.
pub(crate) const APP_NAME: Field<AppName> = Field {
    name: "name",
    read: |value| parse(value, AppName::parse),
    schema: || {
        string("Name of the app, used by clients, in tokens and in logs.", "shop")
            .pattern("^[a-z0-9_-]{1,32}$")
    },
};

/// App id at the provider.
pub(crate) const APP_ID: Field<AppId> = Field {
    name: "appId",
    read: |value| parse(value, AppId::parse),
    schema: || {
        string("AppID of the mini program, from WeChat's console.", "wx9b1f4c7d2e8a6035")
            .min_length(1)
            .max_length(MAX_APP_ID_BYTES)
            .pattern("^[A-Za-z0-9_-]+$")
    },
};

/// Secret of the app at the provider.
pub(crate) const SECRET: Field<AppSecret> = Field {
    name: "secret",
    read: |value| parse(value, AppSecret::parse),
    schema: || {
        let description = "AppSecret of the mini program, from WeChat's console. It is encrypted at rest and never returned.";
        string(description, "fedcba9876543210fedcba9876543210")
            .min_length(*secret::APP_SECRET_BYTES.start())
            .max_length(*secret::APP_SECRET_BYTES.end())
            .pattern("^[!-~]+$")
    },
};

/// Group of apps with comparable union ids.
pub(crate) const OPEN_PLATFORM: Field<String> = Field {
    name: "openPlatform",
    read: |value| {
        let group = text(value)?;
        let fits = (1..=MAX_OPEN_PLATFORM).contains(&group.len());
        let plain = group.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !fits || !plain {
            return Err(format!("is not 1 to {MAX_OPEN_PLATFORM} letters, digits and . _ -"));
        }
        Ok(group.to_owned())
    },
    schema: || {
        string("Name of the group of apps with comparable union ids: the apps of one WeChat Open Platform account (default: no group).", "main")
            .min_length(1)
            .max_length(MAX_OPEN_PLATFORM)
            .pattern("^[A-Za-z0-9._-]+$")
    },
};

/// Registration of new members by login.
pub(crate) const AUTO_REGISTER: Field<bool> = Field {
    name: "autoRegister",
    read: parse_bool,
    schema: || boolean("True if unknown users become members by logging in (default true).", true),
};

/// Requirement of a phone number.
pub(crate) const PHONE_REQUIRED: Field<bool> = Field {
    name: "phoneRequired",
    read: parse_bool,
    schema: || {
        boolean("True if members must have a phone number to log in (default false).", false)
    },
};

/// Policy if two members are the same user.
pub(crate) const CONFLICT_POLICY: Field<ConflictPolicy> = Field {
    name: "onConflict",
    read: |value| {
        let policy = value.as_str().and_then(ConflictPolicy::from_name);
        policy.ok_or_else(|| format!("is none of {}", ConflictPolicy::NAMES.join(", ")))
    },
    schema: || {
        let description = "Policy if two members are the same user: merge them, ask the user, or keep them separate (default `merge`).";
        string(description, "merge").enum_values(ConflictPolicy::NAMES.iter().copied())
    },
};

/// Storage of session keys.
pub(crate) const STORE_SESSION_KEYS: Field<bool> = Field {
    name: "storeSessionKeys",
    read: parse_bool,
    schema: || {
        boolean(
            "True if WeChat's session keys of the users are stored, encrypted at rest (default false).",
            false,
        )
    },
};

/// Lifetime of access tokens.
pub(crate) const ACCESS_TTL: Field<Duration> = Field {
    name: "accessTtl",
    read: |value| parse_seconds(value, 60..=86_400),
    schema: || {
        seconds(
            "Lifetime of access tokens in seconds (default and maximum: `tokens.access_ttl`).",
            60..=86_400,
            3_600,
        )
    },
};

/// Maximum time between two refreshes of a session.
pub(crate) const REFRESH_TTL: Field<Duration> = Field {
    name: "refreshTtl",
    read: |value| parse_seconds(value, 3_600..=31_536_000),
    schema: || {
        seconds(
            "Seconds after which a session ends if it is not refreshed (default `tokens.refresh_ttl`).",
            3_600..=31_536_000,
            604_800,
        )
    },
};

/// Maximum lifetime of sessions.
pub(crate) const SESSION_TTL: Field<Duration> = Field {
    name: "sessionTtl",
    read: |value| parse_seconds(value, 3_600..=315_360_000),
    schema: || {
        seconds(
            "Maximum lifetime of sessions in seconds (default `tokens.session_ttl`).",
            3_600..=315_360_000,
            2_592_000,
        )
    },
};

/// Token of WeChat's message push.
pub(crate) const PUSH_TOKEN: Field<PushToken> = Field {
    name: "pushToken",
    read: |value| parse(value, PushToken::parse),
    schema: || {
        let description = "Token of the message push, from WeChat's console. It is encrypted at rest and never returned.";
        string(description, "aTokenForPushes")
            .min_length(*secret::PUSH_TOKEN_BYTES.start())
            .max_length(*secret::PUSH_TOKEN_BYTES.end())
            .pattern("^[A-Za-z0-9]+$")
    },
};

/// AES key of WeChat's message push.
pub(crate) const PUSH_AES_KEY: Field<PushKey> = Field {
    name: "pushAesKey",
    read: |value| parse(value, PushKey::parse),
    schema: || {
        let description = "EncodingAESKey of the message push. With a key, only encrypted messages are accepted. It is encrypted at rest and never returned.";
        string(description, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
            .min_length(secret::PUSH_KEY_BYTES)
            .max_length(secret::PUSH_KEY_BYTES)
            .pattern("^[A-Za-z0-9]+$")
    },
};

fn parse_bool(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "is neither true nor false".to_owned())
}

fn boolean(description: &str, example: bool) -> Object {
    Object::with_type(BasicType::Boolean).description(description).example(example)
}

/// Parses a whole number of seconds. 60 and 60.0 are the same number in JSON.
fn parse_seconds(value: &Value, allowed: RangeInclusive<u32>) -> Result<Duration, String> {
    let min = f64::from(*allowed.start());
    let max = f64::from(*allowed.end());
    let is_valid = |seconds: &f64| (min..=max).contains(seconds) && seconds.fract() == 0.0;
    let reason = || format!("is not a whole number from {min} to {max}");
    value.as_f64().filter(is_valid).map(Duration::from_secs_f64).ok_or_else(reason)
}

fn seconds(description: &str, allowed: RangeInclusive<u32>, example: u32) -> Object {
    Object::with_type(BasicType::Integer)
        .description(description)
        .minimum(*allowed.start())
        .maximum(*allowed.end())
        .example(example)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::fields::tests::assert_schema_matches_parser;

    #[test]
    fn schemas_of_app_fields_match_their_parsers() {
        let long = "a".repeat(129);
        assert_schema_matches_parser(
            &APP_NAME,
            &["", "shop-2_b", "Shop", "a b", "店", &long[..32], &long[..33]],
        );
        assert_schema_matches_parser(
            &APP_ID,
            &["", "wx9b1f4c7d2e8a6035", "wx 1", "wx_-1", "wx.1", "微", &long[..64], &long[..65]],
        );
        let secrets =
            ["", &long[..15], &long[..16], &long[..128], &long, "0123456789abcde f", "密"];
        assert_schema_matches_parser(&SECRET, &secrets);
        assert_schema_matches_parser(
            &OPEN_PLATFORM,
            &["", "main", "a.b_c-D", "a b", "平台", &long[..64], &long[..65]],
        );
        assert_schema_matches_parser(
            &PUSH_TOKEN,
            &["", "ab", "abc", "a-c", &long[..32], &long[..33]],
        );
        assert_schema_matches_parser(
            &PUSH_AES_KEY,
            &["", &long[..42], &long[..43], &long[..44], "a+"],
        );
    }

    #[test]
    fn lifetimes_are_whole_seconds_within_bounds() {
        for (value, good) in [
            (json!(60), true),
            (json!(86_400.0), true),
            (json!(59), false),
            (json!(86_401), false),
            (json!(60.5), false),
            (json!("60"), false),
            (json!(null), false),
        ] {
            assert_eq!((ACCESS_TTL.read)(&value).is_ok(), good, "{value}");
        }
        assert_eq!((SESSION_TTL.read)(&json!(315_360_000)), Ok(Duration::from_hours(87_600)));
    }
}
