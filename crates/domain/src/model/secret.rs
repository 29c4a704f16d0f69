//! Values that must not be seen: codes, session keys, tokens. Their `Debug` prints no value, they are
//! wiped when dropped, and the only way to the text is a call named [`LoginCode::expose`] or its like.

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::model::random::Random;

/// The longest code any provider is known to hand out, with room to spare, in bytes.
const CODE_MAX: usize = 512;

/// A one-time login code of a provider, as the client sent it (`wx.login` for WeChat).
#[derive(Debug)]
pub struct LoginCode(SecretString);

/// A one-time code that stands for a phone number (WeChat's phone button). Never a login code.
#[derive(Debug)]
pub struct PhoneCode(SecretString);

/// What a client calls one attempt to log in, to get the same answer when it has to ask again.
///
/// Who knows it, and the code, gets the tokens.
#[derive(Debug)]
pub struct IdempotencyKey(SecretString);

/// The longest idempotency key, in bytes.
const IDEMPOTENCY_KEY_MAX: usize = 255;

/// The text is no idempotency key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key is 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters")]
pub struct MalformedIdempotencyKey;

/// The text cannot be a code of any provider.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is 1 to {CODE_MAX} visible ASCII characters")]
pub struct MalformedCode;

impl LoginCode {
    /// Takes what a client sent.
    pub fn parse(raw: &str) -> Result<Self, MalformedCode> {
        code(raw).map(Self)
    }

    /// The code itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PhoneCode {
    /// Takes what a client sent.
    pub fn parse(raw: &str) -> Result<Self, MalformedCode> {
        code(raw).map(Self)
    }

    /// The code itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl IdempotencyKey {
    /// Takes what a client sent.
    pub fn parse(raw: &str) -> Result<Self, MalformedIdempotencyKey> {
        visible(raw, IDEMPOTENCY_KEY_MAX).map(Self).ok_or(MalformedIdempotencyKey)
    }

    /// The key itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

fn code(raw: &str) -> Result<SecretString, MalformedCode> {
    visible(raw, CODE_MAX).ok_or(MalformedCode)
}

fn visible(raw: &str, longest: usize) -> Option<SecretString> {
    let fits = (1..=longest).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_graphic());
    fits.then(|| raw.into())
}

/// The key with which a provider signs and encrypts what it tells the client about the user.
///
/// Whoever holds it can forge that data: it leaves the service only towards a trusted back end.
#[derive(Debug)]
pub struct SessionKey(SecretString);

impl SessionKey {
    /// Wraps the key's text exactly as the provider wrote it (Base64 for WeChat).
    #[must_use]
    pub fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// The key's text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A signed token that says who calls; checked at every request.
#[derive(Debug)]
pub struct AccessToken(SecretString);

impl AccessToken {
    /// Wraps a signed token.
    #[must_use]
    pub fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// The token's text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// An opaque value with which a device prolongs its session.
#[derive(Debug)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// Wraps an opaque token.
    #[must_use]
    pub fn new(text: SecretString) -> Self {
        Self(text)
    }

    /// The token's text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What stands for an administrator's session: whoever shows it is signed in.
#[derive(Debug)]
pub struct AdminToken(SecretString);

impl AdminToken {
    /// A new one, of 256 unguessable bits.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        Self(unguessable(random))
    }

    /// The token's text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What lets somebody choose an administrator's password, once.
#[derive(Debug)]
pub struct InvitationCode(SecretString);

impl InvitationCode {
    /// A new one, of 256 unguessable bits.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        Self(unguessable(random))
    }

    /// Takes what somebody shows.
    pub fn parse(raw: &str) -> Result<Self, MalformedCode> {
        code(raw).map(Self)
    }

    /// The code itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// 64 hexadecimal digits.
fn unguessable(random: &dyn Random) -> SecretString {
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
    fn what_is_generated_is_all_of_the_chance_there_was() {
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
    fn a_code_is_visible_ascii_of_bounded_length() {
        assert!(LoginCode::parse("0a3Kx-_/+.=").is_ok());
        for bad in ["", " ", "a b", "a\n", "码", "a\0", &"x".repeat(CODE_MAX + 1)] {
            assert_eq!(LoginCode::parse(bad).err(), Some(MalformedCode), "{bad:?}");
            assert_eq!(PhoneCode::parse(bad).err(), Some(MalformedCode), "{bad:?}");
        }
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii_of_bounded_length() {
        assert!(IdempotencyKey::parse("8e03978e-40d5-43dd-bc93-6894a57f9324").is_ok());
        for bad in ["", "a b", "钥", &"x".repeat(IDEMPOTENCY_KEY_MAX + 1)] {
            let refused = IdempotencyKey::parse(bad).err();
            assert_eq!(refused, Some(MalformedIdempotencyKey), "{bad:?}");
        }
    }

    #[test]
    fn no_secret_shows_in_debug_output() {
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
