//! Secrets that an app shares with its provider. They are stored sealed and never returned by the API.

use std::ops::RangeInclusive;

use secrecy::{ExposeSecret, SecretString};

/// Permitted lengths of an app secret, in bytes. WeChat's secrets have 32; a short one could be guessed.
pub const APP_SECRET_BYTES: RangeInclusive<usize> = 16..=128;

/// Permitted lengths of a push token, in bytes.
pub const PUSH_TOKEN_BYTES: RangeInclusive<usize> = 3..=32;

/// Length of a push key, in bytes.
pub const PUSH_KEY_BYTES: usize = 43;

/// Kind of a sealed secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppSecretKind {
    /// App secret, current or former.
    Secret,
    /// Token that signs message pushes.
    PushToken,
    /// Key that encrypts message pushes.
    PushKey,
}

/// Secret that authenticates the app to the provider (WeChat's `AppSecret`).
#[derive(Debug)]
pub struct AppSecret(SecretString);

/// Token with which the provider signs message pushes (WeChat's `Token`).
#[derive(Debug)]
pub struct PushToken(SecretString);

/// Key with which the provider encrypts message pushes (WeChat's `EncodingAESKey`).
#[derive(Debug)]
pub struct PushKey(SecretString);

/// Error: the text is not a valid secret of this kind.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedSecret {
    /// Malformed app secret.
    #[error("an app secret is {} to {} visible ASCII characters", APP_SECRET_BYTES.start(), APP_SECRET_BYTES.end())]
    Secret,
    /// Malformed push token.
    #[error("a push token is {} to {} letters and digits", PUSH_TOKEN_BYTES.start(), PUSH_TOKEN_BYTES.end())]
    PushToken,
    /// Malformed push key.
    #[error("a push key (EncodingAESKey) is {PUSH_KEY_BYTES} letters and digits")]
    PushKey,
}

impl AppSecret {
    /// Validates a secret as shown in the provider's console.
    pub fn parse(raw: &str) -> Result<Self, MalformedSecret> {
        let fits =
            APP_SECRET_BYTES.contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self(raw.into())).ok_or(MalformedSecret::Secret)
    }

    /// Returns the secret in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PushToken {
    /// Validates a token as shown in the provider's console.
    pub fn parse(raw: &str) -> Result<Self, MalformedSecret> {
        let fits = PUSH_TOKEN_BYTES.contains(&raw.len()) && is_plain(raw);
        fits.then(|| Self(raw.into())).ok_or(MalformedSecret::PushToken)
    }

    /// Returns the token in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PushKey {
    /// Validates a key as shown in the provider's console.
    pub fn parse(raw: &str) -> Result<Self, MalformedSecret> {
        let fits = raw.len() == PUSH_KEY_BYTES && is_plain(raw);
        fits.then(|| Self(raw.into())).ok_or(MalformedSecret::PushKey)
    }

    /// Returns the key in plain text.
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
    fn app_secret_push_token_and_push_key_validation() {
        let long = "x".repeat(129);
        let key = "k".repeat(43);
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
    fn debug_output_hides_secrets() {
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
