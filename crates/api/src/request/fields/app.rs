//! The fields that requests about apps are made of.

use std::ops::RangeInclusive;
use std::time::Duration;

use domain::model::app::name::APP_ID_MAX;
use domain::model::app::name::{AppId, AppName};
use domain::model::app::secret::{APP_SECRET, AppSecret, PUSH_KEY, PUSH_TOKEN, PushKey, PushToken};
use domain::model::identity::conflict_policy::ConflictPolicy;
use salvo::oapi::{BasicType, Object};
use serde_json::Value;

use crate::request::fields::{parse, string, text};
use crate::request::form::Field;

/// The longest name of a group of apps, in characters.
const OPEN_PLATFORM_MAX: usize = 64;

/// How an app is called here.
pub(crate) const APP_NAME: Field<AppName> = Field {
    name: "name",
    read: |value| parse(value, AppName::parse),
    schema: || {
        string(
            "What the app is called here: what clients name, tokens carry and logs tell.",
            "shop",
        )
        .pattern("^[a-z0-9_-]{1,32}$")
    },
};

/// How its provider calls it.
pub(crate) const APP_ID: Field<AppId> = Field {
    name: "appId",
    read: |value| parse(value, AppId::parse),
    schema: || {
        string("The mini program's id, as in WeChat's console.", "wx9b1f4c7d2e8a6035")
            .min_length(1)
            .max_length(APP_ID_MAX)
            .pattern("^[A-Za-z0-9_-]+$")
    },
};

/// What it shows to its provider.
pub(crate) const SECRET: Field<AppSecret> = Field {
    name: "secret",
    read: |value| parse(value, AppSecret::parse),
    schema: || {
        let about = "The mini program's secret, as in WeChat's console. It is kept sealed and never told again.";
        string(about, "fedcba9876543210fedcba9876543210")
            .min_length(*APP_SECRET.start())
            .max_length(*APP_SECRET.end())
            .pattern("^[!-~]+$")
    },
};

/// Which apps' union ids are comparable with its.
pub(crate) const OPEN_PLATFORM: Field<String> = Field {
    name: "openPlatform",
    read: |value| {
        let group = text(value)?;
        let fits = (1..=OPEN_PLATFORM_MAX).contains(&group.len());
        let plain = group.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let fault = || format!("is not 1 to {OPEN_PLATFORM_MAX} letters, digits and . _ -");
        (fits && plain).then(|| group.to_owned()).ok_or_else(fault)
    },
    schema: || {
        string("Name of the group of apps whose union ids are comparable: those bound to one WeChat Open Platform account. None when absent.", "main")
            .min_length(1)
            .max_length(OPEN_PLATFORM_MAX)
            .pattern("^[A-Za-z0-9._-]+$")
    },
};

/// Whether it takes new members.
pub(crate) const AUTO_REGISTER: Field<bool> = Field {
    name: "autoRegister",
    read: flag,
    schema: || {
        switch("Whether someone unknown becomes a member by logging in; true when absent.", true)
    },
};

/// Whether its members must have a phone number.
pub(crate) const PHONE_REQUIRED: Field<bool> = Field {
    name: "phoneRequired",
    read: flag,
    schema: || {
        switch(
            "Whether every member of this app must have a phone number; false when absent.",
            false,
        )
    },
};

/// What becomes of two members who are one person.
pub(crate) const CONFLICT_POLICY: Field<ConflictPolicy> = Field {
    name: "onConflict",
    read: |value| {
        let policy = value.as_str().and_then(ConflictPolicy::from_name);
        policy.ok_or_else(|| {
            format!("is none of {}", ConflictPolicy::NAMES.join(", "))
        })
    },
    schema: || {
        let about = "What becomes of two members who turn out to be one person: they are merged, the client asks, or they stay two. `merge` when absent.";
        string(about, "merge").enum_values(ConflictPolicy::NAMES.iter().copied())
    },
};

/// Whether session keys are kept.
pub(crate) const STORE_SESSION_KEYS: Field<bool> = Field {
    name: "storeSessionKeys",
    read: flag,
    schema: || {
        switch(
            "Whether WeChat's session keys of its users are kept, sealed; false when absent.",
            false,
        )
    },
};

/// How long its access tokens are good for.
pub(crate) const ACCESS_TTL: Field<Duration> = Field {
    name: "accessTtl",
    read: |value| seconds(value, 60..=86_400),
    schema: || {
        life(
            "Seconds an access token is good for: `tokens.access_ttl` when absent, and never longer than that.",
            60..=86_400,
            3_600,
        )
    },
};

/// How long its sessions last that are not refreshed.
pub(crate) const REFRESH_TTL: Field<Duration> = Field {
    name: "refreshTtl",
    read: |value| seconds(value, 3_600..=31_536_000),
    schema: || {
        life(
            "Seconds a session lasts that is not refreshed: `tokens.refresh_ttl` when absent.",
            3_600..=31_536_000,
            604_800,
        )
    },
};

/// How long its sessions last at most.
pub(crate) const SESSION_TTL: Field<Duration> = Field {
    name: "sessionTtl",
    read: |value| seconds(value, 3_600..=315_360_000),
    schema: || {
        life(
            "Seconds a session lasts at most: `tokens.session_ttl` when absent.",
            3_600..=315_360_000,
            2_592_000,
        )
    },
};

/// What signs its pushes.
pub(crate) const PUSH_TOKEN_FIELD: Field<PushToken> = Field {
    name: "pushToken",
    read: |value| parse(value, PushToken::parse),
    schema: || {
        let about = "The Token of WeChat's message push, as in its console. It is kept sealed and never told again.";
        string(about, "aTokenForPushes")
            .min_length(*PUSH_TOKEN.start())
            .max_length(*PUSH_TOKEN.end())
            .pattern("^[A-Za-z0-9]+$")
    },
};

/// What encrypts them.
pub(crate) const PUSH_AES_KEY: Field<PushKey> = Field {
    name: "pushAesKey",
    read: |value| parse(value, PushKey::parse),
    schema: || {
        let about = "The EncodingAESKey of WeChat's message push. With it, only encrypted messages are believed. It is kept sealed and never told again.";
        string(about, "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")
            .min_length(PUSH_KEY)
            .max_length(PUSH_KEY)
            .pattern("^[A-Za-z0-9]+$")
    },
};

fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "is neither true nor false".to_owned())
}

fn switch(about: &str, example: bool) -> Object {
    Object::with_type(BasicType::Boolean).description(about).example(example)
}

/// A whole number of seconds, written as any number may be.
fn seconds(value: &Value, allowed: RangeInclusive<u32>) -> Result<Duration, String> {
    let (least, most) = (f64::from(*allowed.start()), f64::from(*allowed.end()));
    let whole = value.as_f64().filter(|it| (least..=most).contains(it) && it.fract() == 0.0);
    let fault = || format!("is no whole number from {} to {}", allowed.start(), allowed.end());
    whole.map(Duration::from_secs_f64).ok_or_else(fault)
}

fn life(about: &str, allowed: RangeInclusive<u32>, example: u32) -> Object {
    Object::with_type(BasicType::Integer)
        .description(about)
        .minimum(*allowed.start())
        .maximum(*allowed.end())
        .example(example)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::fields::tests::agree;

    #[test]
    fn the_document_tells_what_is_sent_about_apps() {
        let long = "a".repeat(129);
        agree(&APP_NAME, &["", "shop-2_b", "Shop", "a b", "店", &long[..32], &long[..33]]);
        agree(
            &APP_ID,
            &["", "wx9b1f4c7d2e8a6035", "wx 1", "wx_-1", "wx.1", "微", &long[..64], &long[..65]],
        );
        let secrets =
            ["", &long[..15], &long[..16], &long[..128], &long, "0123456789abcde f", "密"];
        agree(&SECRET, &secrets);
        agree(&OPEN_PLATFORM, &["", "main", "a.b_c-D", "a b", "平台", &long[..64], &long[..65]]);
        agree(&PUSH_TOKEN_FIELD, &["", "ab", "abc", "a-c", &long[..32], &long[..33]]);
        agree(&PUSH_AES_KEY, &["", &long[..42], &long[..43], &long[..44], "a+"]);
    }

    #[test]
    fn lives_are_whole_seconds_within_bounds() {
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
