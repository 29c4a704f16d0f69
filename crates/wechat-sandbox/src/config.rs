//! Configuration of a sandbox: apps, users and limits.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::error::ControlError;

/// App id of the first app of [`Config::default`].
pub const MAIN_APP: &str = "wx5e8d6c0a4b2f1e37";
/// Secret of [`MAIN_APP`].
pub const MAIN_SECRET: &str = "0123456789abcdef0123456789abcdef";
/// App id of the second app of [`Config::default`], bound to the same Open Platform account as
/// [`MAIN_APP`].
pub const SECOND_APP: &str = "wx9b1f4c7d2e8a6035";
/// Secret of [`SECOND_APP`].
pub const SECOND_SECRET: &str = "fedcba9876543210fedcba9876543210";
/// App id of the third app of [`Config::default`]. It is bound to no Open Platform account, so its
/// users have no union ids.
pub const LONE_APP: &str = "wx3c7a0e5d9f1b8246";
/// Secret of [`LONE_APP`].
pub const LONE_SECRET: &str = "00112233445566778899aabbccddeeff";

/// Initial state of a sandbox, which a reset restores.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Listen address [default: any free port of the loopback interface in the library,
    /// 127.0.0.1:2021 in the program].
    pub listen: Option<SocketAddr>,
    /// Enforces frequency limits and quotas (45011, 45009, 44991). Load tests disable them.
    pub limits: bool,
    /// Age in seconds from which a session key is replaced when the user obtains a login code.
    pub session_key_min_age: u64,
    /// Writes watermarks in the time of the sandbox's clock. Otherwise they keep their age on the
    /// machine's clock, so that servers with an unchanged clock still accept them.
    pub watermarks_by_own_clock: bool,
    /// Maximum number of calls in the log; older ones are removed.
    pub log_capacity: usize,
    /// Mini programs. The control API uses the first one if a request has no app id.
    pub apps: Vec<AppConfig>,
    /// Users that exist from the start.
    pub users: Vec<NewUser>,
}

impl Default for Config {
    fn default() -> Self {
        let app = |app_id: &str, secret: &str, open_platform: Option<&str>| AppConfig {
            app_id: app_id.into(),
            secret: secret.into(),
            open_platform: open_platform.map(Into::into),
            push_token: Some("sandboxpushtoken".into()),
            encoding_aes_key: Some("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG".into()),
        };
        let user = |name: &str, nickname: &str, phone: &str| NewUser {
            user: Some(name.into()),
            nickname: Some(nickname.into()),
            phone: Some(phone.into()),
            ..NewUser::default()
        };
        Self {
            listen: None,
            limits: true,
            session_key_min_age: 600,
            watermarks_by_own_clock: false,
            log_capacity: 10_000,
            apps: vec![
                app(MAIN_APP, MAIN_SECRET, Some("sandbox")),
                app(SECOND_APP, SECOND_SECRET, Some("sandbox")),
                app(LONE_APP, LONE_SECRET, None),
            ],
            users: vec![user("alice", "Alice", "13800138000"), user("bob", "Bob", "13900139000")],
        }
    }
}

impl Config {
    /// Parses a configuration from TOML. Absent keys have the values of [`Config::default`].
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not TOML or contains an unknown key.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// Mini program of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// App id.
    #[serde(alias = "appid")]
    pub app_id: String,
    /// App secret.
    pub secret: String,
    /// Open Platform account that the app is bound to. Apps with the same name share union ids;
    /// without a name, users have no union id.
    #[serde(default)]
    pub open_platform: Option<String>,
    /// Token that signs message pushes.
    #[serde(default)]
    pub push_token: Option<String>,
    /// `EncodingAESKey` of message pushes, 43 characters. Without it, pushes are not encrypted.
    #[serde(default)]
    pub encoding_aes_key: Option<String>,
}

impl AppConfig {
    /// Rejects values that WeChat's console would reject too.
    pub(crate) fn check(&self) -> Result<(), ControlError> {
        if self.app_id.is_empty() || self.secret.is_empty() {
            return Err(ControlError::new("an app needs an app_id and a secret"));
        }
        let key = self.encoding_aes_key.as_deref();
        if key.is_some_and(|key| crate::crypto::PushKey::parse(key).is_none()) {
            return Err(ControlError::new("encoding_aes_key must be 43 letters and digits"));
        }
        Ok(())
    }
}

/// WeChat user to create.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewUser {
    /// Name that identifies the user in the control API [default: `u1`, `u2`, …].
    pub user: Option<String>,
    /// Nickname [default: the name].
    pub nickname: Option<String>,
    /// Phone number without country code, digits only. A user without one gets no phone codes.
    pub phone: Option<String>,
    /// Country code of the phone number [default: `86`].
    pub country_code: Option<String>,
    /// True to treat the user as a risk: logins fail with 40226.
    pub blocked: bool,
}
