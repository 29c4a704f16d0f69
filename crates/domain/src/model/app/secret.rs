//! What an app shares with its provider: taken in, kept sealed, and never told again.

use std::ops::RangeInclusive;

use secrecy::{ExposeSecret, SecretString};

/// How long an app's secret may be, in bytes. WeChat's have 32; a short one could be guessed.
pub const APP_SECRET: RangeInclusive<usize> = 16..=128;

/// How long a push token may be, in bytes.
pub const PUSH_TOKEN: RangeInclusive<usize> = 3..=32;

/// How long a push key is, in bytes.
pub const PUSH_KEY: usize = 43;

/// Which of them a sealed one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppSecretKind {
    /// The app's secret, be it the present or the former one.
    Secret,
    /// What signs pushes.
    PushToken,
    /// What encrypts them.
    PushKey,
}

/// What an app shows to its provider to be believed.
#[derive(Debug)]
pub struct AppSecret(SecretString);

/// What the provider signs its pushes with.
#[derive(Debug)]
pub struct PushToken(SecretString);

/// What the provider encrypts its pushes with.
#[derive(Debug)]
pub struct PushKey(SecretString);

/// The text is no such secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedSecret {
    /// Not an app's secret.
    #[error("an app's secret is {} to {} visible ASCII characters", APP_SECRET.start(), APP_SECRET.end())]
    Secret,
    /// Not a push token.
    #[error("a push token is {} to {} letters and digits", PUSH_TOKEN.start(), PUSH_TOKEN.end())]
    PushToken,
    /// Not a push key.
    #[error("a push key (EncodingAESKey) is {PUSH_KEY} letters and digits")]
    PushKey,
}

impl AppSecret {
    /// Takes a secret as the provider's console shows it.
    pub fn parse(raw: &str) -> Result<Self, MalformedSecret> {
        let fits = APP_SECRET.contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(raw.into())).ok_or(MalformedSecret::Secret)
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PushToken {
    /// Takes a token as the provider's console shows it.
    pub fn parse(raw: &str) -> Result<Self, MalformedSecret> {
        let fits = PUSH_TOKEN.contains(&raw.len()) && is_plain(raw);
        fits.then(|| Self(raw.into())).ok_or(MalformedSecret::PushToken)
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PushKey {
    /// Takes a key as the provider's console shows it.
    pub fn parse(raw: &str) -> Result<Self, MalformedSecret> {
        let fits = raw.len() == PUSH_KEY && is_plain(raw);
        fits.then(|| Self(raw.into())).ok_or(MalformedSecret::PushKey)
    }

    /// The key itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn is_plain(raw: &str) -> bool {
    raw.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_console_shows_is_no_secret() {
        let (long, key) = ("x".repeat(129), "k".repeat(43));
        assert!(AppSecret::parse("0123456789abcdef").is_ok());
        for bad in ["", "0123456789abcde", "0123456789abcde ", "0123456789abcdé", &long] {
            assert_eq!(AppSecret::parse(bad).unwrap_err(), MalformedSecret::Secret, "{bad}");
        }
        assert!(PushToken::parse("abc").is_ok() && PushKey::parse(&key).is_ok());
        for bad in ["", "ab", "a-c", &key[..33]] {
            assert_eq!(PushToken::parse(bad).unwrap_err(), MalformedSecret::PushToken, "{bad}");
        }
        for bad in [&key[..42], &format!("{key}k"), &format!("{}+", &key[..42])] {
            assert_eq!(PushKey::parse(bad).unwrap_err(), MalformedSecret::PushKey, "{bad}");
        }
    }

    #[test]
    fn none_shows_in_debug_output() {
        let canary = "canary0123456789";
        let shown = format!(
            "{:?} {:?} {:?}",
            AppSecret::parse(canary).unwrap(),
            PushToken::parse(canary).unwrap(),
            PushKey::parse(&format!("{canary:x<43}")).unwrap(),
        );
        assert!(!shown.contains("canary"), "{shown}");
    }
}
