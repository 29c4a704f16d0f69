//! Names and provider ids of apps.

/// The longest app id, in bytes. WeChat's have 18: `wx` and 16 hexadecimal digits.
pub const APP_ID_MAX: usize = 64;

/// The name an app has here: in the configuration, in tokens and in logs, e.g. `main`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppName(String);

/// The text cannot name an app.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an app's name is 1 to 32 of the characters a-z, 0-9, - and _")]
pub struct MalformedAppName;

impl AppName {
    /// Takes a name as it stands.
    pub fn parse(raw: &str) -> Result<Self, MalformedAppName> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if (1..=32).contains(&raw.len()) && raw.bytes().all(allowed) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(MalformedAppName)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id an app has at its provider, e.g. `wx5e8d6c0a4b2f1e37`. Compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppId(String);

/// The text cannot be a provider's id of an app.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an app id is 1 to {APP_ID_MAX} letters, digits, - and _, as in the provider's console")]
pub struct MalformedAppId;

impl AppId {
    /// Takes an id as the provider's console shows it. No more is asked of it: what the ids of WeChat
    /// look like is custom, not promised.
    pub fn parse(raw: &str) -> Result<Self, MalformedAppId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if (1..=APP_ID_MAX).contains(&raw.len()) && raw.bytes().all(allowed) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(MalformedAppId)
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
