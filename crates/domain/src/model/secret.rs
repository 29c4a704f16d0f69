//! Secrets: codes, keys and tokens. Their `Debug` omits the value, their memory is wiped on drop, and
//! the text is read only by calls of `expose`, e.g. [`LoginCode::expose`].

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::model::random::Random;

/// Maximum length of a code, in bytes. It exceeds the codes of all known providers.
const MAX_CODE_BYTES: usize = 512;

/// One-time login code of a provider, as sent by the client (`wx.login` for WeChat).
#[derive(Debug)]
pub struct LoginCode(SecretString);

/// One-time code for a phone number (WeChat's phone button). It is not a login code.
#[derive(Debug)]
pub struct PhoneCode(SecretString);

/// Client-chosen key of a login request; a repetition with the same key gets the same response.
///
/// The key is secret, because the key together with the code yields the tokens.
#[derive(Debug)]
pub struct IdempotencyKey(SecretString);

/// Maximum length of an idempotency key, in bytes.
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// Error: the text is not a valid idempotency key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to {MAX_IDEMPOTENCY_KEY_BYTES} visible ASCII characters")]
pub struct MalformedIdempotencyKey;

/// Error: the text is not a valid code.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is 1 to {MAX_CODE_BYTES} visible ASCII characters")]
pub struct MalformedCode;

impl LoginCode {
    /// Validates the text sent by a client.
    pub fn parse(raw: &str) -> Result<Self, MalformedCode> {
        parse_code(raw).map(Self)
    }

    /// Returns the code in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PhoneCode {
    /// Validates the text sent by a client.
    pub fn parse(raw: &str) -> Result<Self, MalformedCode> {
        parse_code(raw).map(Self)
    }

    /// Returns the code in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl IdempotencyKey {
    /// Validates the text sent by a client.
    pub fn parse(raw: &str) -> Result<Self, MalformedIdempotencyKey> {
        visible_ascii(raw, MAX_IDEMPOTENCY_KEY_BYTES).map(Self).ok_or(MalformedIdempotencyKey)
    }

    /// Returns the key in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn parse_code(raw: &str) -> Result<SecretString, MalformedCode> {
    visible_ascii(raw, MAX_CODE_BYTES).ok_or(MalformedCode)
}

fn visible_ascii(raw: &str, max_bytes: usize) -> Option<SecretString> {
    let is_valid =
        (1..=max_bytes).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_graphic());
    is_valid.then(|| raw.into())
}

/// Key with which a provider signs and encrypts user data that it sends to the client.
///
/// The holder of the key can forge that data, so it is disclosed to service accounts only.
#[derive(Debug)]
pub struct SessionKey(SecretString);

impl SessionKey {
    /// Wraps the key exactly as returned by the provider (Base64 for WeChat).
    #[must_use]
    pub fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// Returns the key in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Signed token that authenticates a caller; verified for every request.
#[derive(Debug)]
pub struct AccessToken(SecretString);

impl AccessToken {
    /// Wraps a signed token.
    #[must_use]
    pub fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// Returns the token in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Opaque token with which a device refreshes its session.
#[derive(Debug)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// Wraps an opaque token.
    #[must_use]
    pub fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// Returns the token in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Bearer token of an administrator's session.
#[derive(Debug)]
pub struct AdminToken(SecretString);

impl AdminToken {
    /// Generates a value of 256 random bits.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        Self(random_hex(random))
    }

    /// Returns the token in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// One-time code that permits setting an administrator's password.
#[derive(Debug)]
pub struct InvitationCode(SecretString);

impl InvitationCode {
    /// Generates a value of 256 random bits.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        Self(random_hex(random))
    }

    /// Validates the text sent by a client.
    pub fn parse(raw: &str) -> Result<Self, MalformedCode> {
        parse_code(raw).map(Self)
    }

    /// Returns the code in plain text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Returns 256 random bits as 64 hexadecimal digits.
fn random_hex(random: &dyn Random) -> SecretString {
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(bytes.as_mut_slice());
    let mut text = String::with_capacity(64);
    for byte in bytes.iter() {
        for digit in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::random::MockRandom;

    #[test]
    fn generated_secrets_use_all_random_bytes() {
        let mut random = MockRandom::new();
        random.expect_fill().returning(|bytes| {
            assert_eq!(bytes.len(), 32);
            bytes.fill(0x0f);
        });
        let token = AdminToken::generate(&random);
        assert_eq!(token.expose(), "0f".repeat(32));
        let code = InvitationCode::generate(&random);
        let shown = format!("{token:?} {code:?}");
        assert!(!shown.contains("0f0f"), "{shown}");
    }

    #[test]
    fn code_is_visible_ascii_of_bounded_length() {
        assert!(LoginCode::parse("0a3Kx-_/+.=").is_ok());
        for bad in ["", " ", "a b", "a\n", "码", "a\0", &"x".repeat(MAX_CODE_BYTES + 1)] {
            assert_eq!(LoginCode::parse(bad).err(), Some(MalformedCode), "{bad:?}");
            assert_eq!(PhoneCode::parse(bad).err(), Some(MalformedCode), "{bad:?}");
        }
    }

    #[test]
    fn idempotency_key_is_visible_ascii_of_bounded_length() {
        assert!(IdempotencyKey::parse("8e03978e-40d5-43dd-bc93-6894a57f9324").is_ok());
        for bad in ["", "a b", "钥", &"x".repeat(MAX_IDEMPOTENCY_KEY_BYTES + 1)] {
            let refused = IdempotencyKey::parse(bad).err();
            assert_eq!(refused, Some(MalformedIdempotencyKey), "{bad:?}");
        }
    }

    #[test]
    fn debug_output_hides_secrets() {
        let shown = format!(
            "{:?} {:?} {:?} {:?} {:?} {:?}",
            LoginCode::parse("canary-code").unwrap(),
            PhoneCode::parse("canary-phone").unwrap(),
            IdempotencyKey::parse("canary-idempotency-key").unwrap(),
            SessionKey::new("canary-key".into()),
            AccessToken::new("canary-access".into()),
            RefreshToken::new("canary-refresh".into()),
        );
        assert!(!shown.contains("canary"), "{shown}");
    }
}
