//! Webhook secrets and signatures.

use std::ops::RangeInclusive;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;

/// Allowed length of a secret in bytes.
const SECRET_LENGTH: RangeInclusive<usize> = 24..=64;

/// Secret shared with a webhook receiver. `Debug` does not show it.
#[derive(Debug)]
pub struct WebhookSecret(hmac::Key);

/// Error of parsing a webhook secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be whsec_ and 24 to 64 random bytes in Base64: make one with \
     `echo whsec_$(openssl rand -base64 32)`"
)]
pub struct MalformedWebhookSecret;

impl WebhookSecret {
    /// Parses a configured secret.
    pub fn parse(raw: &str) -> Result<Self, MalformedWebhookSecret> {
        let encoded = raw.strip_prefix("whsec_").ok_or(MalformedWebhookSecret)?;
        // The decoder's error is dropped: it contains bytes of the text.
        let bytes = STANDARD.decode(encoded).ok().map(Zeroizing::new);
        let bytes = bytes.filter(|bytes| SECRET_LENGTH.contains(&bytes.len()));
        let bytes = bytes.ok_or(MalformedWebhookSecret)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }
}

/// Value of the header `webhook-signature`: one signature for each of the secrets.
pub(super) fn signatures(secrets: &[WebhookSecret], id: &str, sent_at: &str, body: &str) -> String {
    let signed = format!("{id}.{sent_at}.{body}");
    let signature = |WebhookSecret(key): &WebhookSecret| {
        format!("v1,{}", STANDARD.encode(hmac::sign(key, signed.as_bytes())))
    };
    secrets.iter().map(signature).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Example of the specification's reference implementations.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const SENT_AT: &str = "1614265330";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn message_signature_matches_the_standard_webhooks_example() {
        let secret = || WebhookSecret::parse(SECRET).unwrap();
        assert_eq!(signatures(&[secret()], ID, SENT_AT, BODY), SIGNATURE);
        let other = WebhookSecret::parse(&format!("whsec_{}", STANDARD.encode([7; 24]))).unwrap();
        let both = signatures(&[other, secret()], ID, SENT_AT, BODY);
        let (first, second) = both.split_once(' ').unwrap();
        assert!(first != SIGNATURE && second == SIGNATURE, "{both}");
    }

    #[test]
    fn webhook_secret_format_and_debug_output() {
        for (bytes, good) in [(23, false), (24, true), (64, true), (65, false), (0, false)] {
            let text = format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
            assert_eq!(WebhookSecret::parse(&text).is_ok(), good, "{bytes}");
            assert!(WebhookSecret::parse(&text["whsec_".len()..]).is_err());
        }
        assert!(WebhookSecret::parse("whsec_not Base64 at all, but long enough").is_err());
        let shown = format!("{:?}", WebhookSecret::parse(SECRET).unwrap());
        assert!(!shown.contains("MfKQ") && !shown.contains("49, 242"), "{shown}");
    }
}
