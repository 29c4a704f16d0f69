//! Configured mini programs: one table `[apps.<name>]` each.

use std::ops::RangeInclusive;
use std::time::Duration;

use domain::model::app::name::{AppId, AppName};
use domain::model::app::policy::{AppPolicy, TokenLifetimes};
use domain::model::identity::conflict_policy::ConflictPolicy;
use secrecy::{ExposeSecret, SecretString};

use super::reader::Reader;

/// Secret of the sandbox's app. It is published in this repository.
pub(crate) const SANDBOX_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Message push token of the sandbox's app. It is published too.
pub(crate) const SANDBOX_PUSH_TOKEN: &str = "sandboxpushtoken";

/// Minimum length of an app secret in production, in characters. WeChat's secrets have 32.
const MIN_SECRET_LENGTH: usize = 16;

/// A mini program.
#[derive(Debug)]
pub struct AppConfig {
    /// Name in this service.
    pub name: AppName,
    /// App id at WeChat.
    pub app_id: AppId,
    /// App secret at WeChat.
    pub secret: SecretString,
    /// Login policy.
    pub policy: AppPolicy,
    /// Token that signs message pushes; `None` without message push.
    pub push_token: Option<SecretString>,
    /// AES key that encrypts message pushes; `None` in plaintext mode.
    pub push_aes_key: Option<SecretString>,
}

/// Reads the app of this name.
pub(super) fn app(reader: &Reader<'_>, name: &str, production: bool) -> Option<AppConfig> {
    let key = |field: &str| format!("apps.{name}.{field}");
    let provider = reader.text(&key("provider"));
    if !provider.is_empty() && provider != "wechat" {
        reader.reject(&key("provider"), "must be wechat");
    }
    let secret = reader.required_secret(&key("secret"), "find it in WeChat's console");
    match secret.as_ref().map(ExposeSecret::expose_secret) {
        Some(SANDBOX_SECRET) if production => {
            reader.reject(&key("secret"), "is the sandbox's; production needs your own");
        }
        Some(secret) if production && secret.len() < MIN_SECRET_LENGTH => {
            reader.reject(
                &key("secret"),
                format!("must have at least {MIN_SECRET_LENGTH} characters"),
            );
        }
        Some(_) | None => {}
    }
    let (push_token, push_aes_key) = push_secrets(reader, name, production);
    Some(AppConfig {
        push_token,
        push_aes_key,
        policy: AppPolicy {
            open_platform: Some(reader.text(&key("open_platform"))).filter(|it| !it.is_empty()),
            phone_required: reader.flag(&key("phone_required"), false),
            auto_register: reader.flag(&key("auto_register"), true),
            on_conflict: on_conflict(reader, &key("on_conflict")),
            store_session_keys: reader.flag(&key("store_session_keys"), false),
            lifetimes: TokenLifetimes {
                access: lifetime(reader, &key("access_ttl"), 60..=86_400),
                idle: lifetime(reader, &key("refresh_ttl"), 3_600..=31_536_000),
                absolute: lifetime(reader, &key("session_ttl"), 3_600..=315_360_000),
            },
        },
        app_id: app_id(reader, &key("app_id"))?,
        name: reader.checked(&format!("apps.{name}"), AppName::parse(name))?,
        secret: secret?,
    })
}

/// Reads the secrets that protect an app's message pushes.
fn push_secrets(
    reader: &Reader<'_>,
    name: &str,
    production: bool,
) -> (Option<SecretString>, Option<SecretString>) {
    let key = |field: &str| format!("apps.{name}.{field}");
    let token = reader.secret(&key("push_token"));
    let aes_key = reader.secret(&key("push_aes_key"));
    match token.as_ref().map(ExposeSecret::expose_secret) {
        Some(SANDBOX_PUSH_TOKEN) if production => {
            reader.reject(&key("push_token"), "is the sandbox's; production needs your own");
        }
        None if aes_key.is_some() => {
            reader.reject(&key("push_token"), "is missing; push_aes_key is of no use without it");
        }
        Some(_) | None => {}
    }
    (token, aes_key)
}

fn app_id(reader: &Reader<'_>, key: &str) -> Option<AppId> {
    let id = Some(reader.required(key)).filter(|id| !id.is_empty())?;
    reader.checked(key, AppId::parse(&id))
}

/// Reads a lifetime in seconds; `None` for the default.
fn lifetime(reader: &Reader<'_>, key: &str, allowed: RangeInclusive<u32>) -> Option<Duration> {
    let seconds = reader.whole_or(key, 0, allowed);
    Some(Duration::from_secs(seconds.into())).filter(|lifetime| !lifetime.is_zero())
}

fn on_conflict(reader: &Reader<'_>, key: &str) -> ConflictPolicy {
    let name = Some(reader.text(key)).filter(|name| !name.is_empty());
    name.map_or(Some(ConflictPolicy::default()), |name| ConflictPolicy::from_name(&name))
        .unwrap_or_else(|| {
            reader.reject(key, "must be merge, ask or refuse");
            ConflictPolicy::default()
        })
}
