//! What a sandbox consists of when it starts: apps, users, limits.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::control::Refused;

/// The app that [`Config::default`] names first.
pub const MAIN_APP: &str = "wx5e8d6c0a4b2f1e37";
/// The secret of [`MAIN_APP`].
pub const MAIN_SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The second app of [`Config::default`], in the Open Platform group of [`MAIN_APP`].
pub const SECOND_APP: &str = "wx9b1f4c7d2e8a6035";
/// The secret of [`SECOND_APP`].
pub const SECOND_SECRET: &str = "fedcba9876543210fedcba9876543210";
/// The third app of [`Config::default`], in no Open Platform group: nobody has a union id there.
pub const LONE_APP: &str = "wx3c7a0e5d9f1b8246";
/// The secret of [`LONE_APP`].
pub const LONE_SECRET: &str = "00112233445566778899aabbccddeeff";

/// The state of a sandbox when it starts, and after a reset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen. Absent: any free port of the loopback interface for the library,
    /// 127.0.0.1:2021 for the program.
    pub listen: Option<SocketAddr>,
    /// Whether frequency limits and quotas are enforced (45011, 45009, 44991). Load tests lift them.
    pub limits: bool,
    /// The age in seconds from which a session key is replaced when the user obtains a code.
    pub session_key_min_age: u64,
    /// Whether times in watermarks are those of the sandbox's own clock. Otherwise they are as long ago
    /// on the real one, which whoever is told them has too, unless their clock is moved on along with it.
    pub watermarks_by_own_clock: bool,
    /// How many calls the log keeps; older ones are forgotten.
    pub log_capacity: usize,
    /// The apps. Where the control face is told no app, it takes the first.
    pub apps: Vec<AppConfig>,
    /// The users who exist from the start.
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
    /// Reads a configuration from TOML. What it leaves out is as in [`Config::default`].
    ///
    /// # Errors
    ///
    /// When the text is not TOML, or names a key that does not exist.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// One app: a mini program that the sandbox knows.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// The app id.
    #[serde(alias = "appid")]
    pub app_id: String,
    /// The app secret.
    pub secret: String,
    /// The Open Platform account that the app is bound to, any name: apps of one name share union
    /// ids. Absent: no union id.
    #[serde(default)]
    pub open_platform: Option<String>,
    /// The token that signs message pushes.
    #[serde(default)]
    pub push_token: Option<String>,
    /// The `EncodingAESKey` of message pushes, 43 characters. Absent: pushes are plain.
    #[serde(default)]
    pub encoding_aes_key: Option<String>,
}

impl AppConfig {
    /// Refuses what WeChat's console would not have accepted either.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        if self.app_id.is_empty() || self.secret.is_empty() {
            return Err(Refused::new("an app needs an app_id and a secret"));
        }
        let key = self.encoding_aes_key.as_deref();
        if key.is_some_and(|key| crate::crypto::PushKey::parse(key).is_none()) {
            return Err(Refused::new("encoding_aes_key must be 43 letters and digits"));
        }
        Ok(())
    }
}

/// A WeChat user to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewUser {
    /// The name by which the sandbox is told of this user; made up when absent: `u1`, `u2`, ….
    pub user: Option<String>,
    /// The nickname; the name when absent.
    pub nickname: Option<String>,
    /// The phone number without country code, digits only. Without one there are no phone codes.
    pub phone: Option<String>,
    /// The country code of the phone number; `86` when absent.
    pub country_code: Option<String>,
    /// Whether WeChat considers this user a risk and answers logins with 40226.
    pub blocked: bool,
}
