//! Names and provider ids of apps.

/// Maximum length of an app id, in bytes. WeChat's app ids have 18: `wx` and 16 hexadecimal digits.
pub const MAX_APP_ID_BYTES: usize = 64;

/// Name of an app within this service, e.g. `main`; used in the configuration, tokens and logs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppName(String);

/// Error: the text is not a valid app name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an app's name is 1 to 32 of the characters a-z, 0-9, - and _")]
pub struct MalformedAppName;

impl AppName {
    /// Validates a name; it is stored unchanged.
    pub fn parse(raw: &str) -> Result<Self, MalformedAppName> {
        let allowed =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        if !(1..=32).contains(&raw.len()) || !raw.bytes().all(allowed) {
            return Err(MalformedAppName);
        }
        Ok(Self(raw.to_owned()))
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Id of an app at its provider, e.g. `wx5e8d6c0a4b2f1e37`. Compared byte by byte.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppId(String);

/// Error: the text is not a valid app id.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an app id is 1 to {MAX_APP_ID_BYTES} letters, digits, - and _, as in the provider's console"
)]
pub struct MalformedAppId;

impl AppId {
    /// Validates an id as shown in the provider's console. The check is loose, because WeChat does not
    /// document the format of its ids.
    pub fn parse(raw: &str) -> Result<Self, MalformedAppId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !(1..=MAX_APP_ID_BYTES).contains(&raw.len()) || !raw.bytes().all(allowed) {
            return Err(MalformedAppId);
        }
        Ok(Self(raw.to_owned()))
    }

    /// Returns the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn app_name_format() {
        assert!(AppName::parse("mini-program_2").is_ok());
        for bad in ["", "Main", "主", "a b", &"x".repeat(33)] {
            assert_eq!(AppName::parse(bad), Err(MalformedAppName), "{bad:?}");
        }
    }

    #[test]
    fn app_id_format() {
        assert!(AppId::parse("wx5e8d6c0a4b2f1e37").is_ok());
        for bad in ["", "wx 1", "wx1\n", "wx&1", "微", &"x".repeat(65)] {
            assert_eq!(AppId::parse(bad), Err(MalformedAppId), "{bad:?}");
        }
    }
}
