//! API keys of service accounts. Only their digests are stored.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use domain::model::service_account::ServiceAccount;
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use secrecy::{ExposeSecret, SecretString};

/// Minimum length in characters of a key that is configured as plain text.
const MIN_KEY_LENGTH: usize = 32;

/// Prefix of a key that is configured as its hexadecimal SHA-256 digest.
const DIGEST_PREFIX: &str = "sha256:";

/// Names of the configured service accounts and the SHA-256 digests of their keys. The digests need no salt,
/// because the keys are random.
pub struct ServiceKeys(Vec<(String, [u8; 32])>);

/// Error in the configured key of a service account. It never contains the key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceKeyError {
    /// The key has neither of the two forms.
    #[error(
        "the key of service account {0:?} is neither {DIGEST_PREFIX} and 64 hexadecimal digits \
         (`printf %s KEY | sha256sum`) nor {MIN_KEY_LENGTH} or more visible ASCII characters \
         (`openssl rand -hex 32`)"
    )]
    Malformed(String),
    /// Two service accounts have the same key, so their requests could not be distinguished.
    #[error(
        "the service accounts {0:?} and {1:?} have the same key: configure a different key for each"
    )]
    Duplicate(String, String),
}

impl ServiceKeys {
    /// Creates the authenticator from configured names and keys. A key is either plain text, or `sha256:` and
    /// its digest in hexadecimal. Returns all errors at once.
    pub fn new(
        configured: impl IntoIterator<Item = (String, SecretString)>,
    ) -> Result<Self, Vec<ServiceKeyError>> {
        let mut keys = Vec::<(String, [u8; 32])>::new();
        let mut errors = Vec::new();
        for (name, key) in configured {
            let Some(digest) = configured_digest(key.expose_secret()) else {
                errors.push(ServiceKeyError::Malformed(name));
                continue;
            };
            if let Some((other, _)) = keys.iter().find(|(_, other)| *other == digest) {
                errors.push(ServiceKeyError::Duplicate(other.clone(), name.clone()));
            }
            keys.push((name, digest));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self(keys))
    }
}

impl ServiceAccountAuthenticator for ServiceKeys {
    fn authenticate(&self, key: &str) -> Option<ServiceAccount> {
        let presented = digest(&SHA256, key.as_bytes());
        let matches = |known: &[u8]| verify_slices_are_equal(known, presented.as_ref()).is_ok();
        // `fold` compares all keys, so that the time does not depend on the match. `find` would stop early.
        let found = self.0.iter().fold(
            None,
            |found, (name, known)| {
                if matches(known) { Some(name) } else { found }
            },
        );
        found.map(|name| ServiceAccount { name: name.clone() })
    }
}

/// Shows the names of the service accounts and nothing of their keys.
impl fmt::Debug for ServiceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Digest of a configured key.
fn configured_digest(key: &str) -> Option<[u8; 32]> {
    if let Some(hex) = key.strip_prefix(DIGEST_PREFIX) {
        return decode_hex(hex);
    }
    // Other characters cannot be sent in an `Authorization` header.
    let is_valid = key.len() >= MIN_KEY_LENGTH && key.bytes().all(|b| b.is_ascii_graphic());
    if !is_valid {
        return None;
    }
    digest(&SHA256, key.as_bytes()).as_ref().try_into().ok()
}

fn decode_hex(hex: &str) -> Option<[u8; 32]> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    let byte = |[high, low]: &[u8; 2]| u8::try_from(nibble(*high)? << 4 | nibble(*low)?).ok();
    pairs.iter().map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "canary-6c1f0e9ab2d34857-billing!";
    /// `printf %s KEY | sha256sum`
    const DIGEST: &str = "04d95288f2d2acb0e7b03541327907bb57bcb3a42bb7ffcec11c3eb5e13a3661";
    const OTHER_KEY: &str = "canary-0123456789abcdef0123456789";

    fn keys(configured: &[(&str, &str)]) -> Result<ServiceKeys, Vec<ServiceKeyError>> {
        ServiceKeys::new(configured.iter().map(|(name, key)| ((*name).into(), (*key).into())))
    }

    fn name(service: Option<ServiceAccount>) -> Option<String> {
        service.map(|service| service.name)
    }

    #[test]
    fn key_is_configured_as_plain_text_or_digest() {
        let digest = format!("sha256:{DIGEST}");
        for configured in [KEY, &digest, &digest.replace(DIGEST, &DIGEST.to_uppercase())] {
            for order in [[0, 1], [1, 0]] {
                let both = [("billing", configured), ("shop", OTHER_KEY)];
                let keys = keys(&order.map(|place| both[place])).unwrap();
                assert_eq!(name(keys.authenticate(KEY)).as_deref(), Some("billing"));
                assert_eq!(name(keys.authenticate(OTHER_KEY)).as_deref(), Some("shop"));
            }
        }
    }

    #[test]
    fn authentication_requires_the_exact_key() {
        let keys = keys(&[("billing", &format!("sha256:{DIGEST}")), ("shop", OTHER_KEY)]).unwrap();
        for wrong in [
            "",
            "billing",
            DIGEST,
            &format!("sha256:{DIGEST}"),
            &KEY[..KEY.len() - 1],
            &KEY[1..],
            &KEY.to_uppercase(),
            &format!("{KEY} "),
            &format!("{KEY}\0"),
            &format!("{KEY}{KEY}"),
            &"x".repeat(1_000_000),
            "钥匙",
        ] {
            assert_eq!(keys.authenticate(wrong), None, "{wrong:.40}");
        }
        assert_eq!(ServiceKeys::new([]).unwrap().authenticate(""), None);
    }

    #[test]
    fn malformed_keys_are_all_reported_by_service_account() {
        let half = &DIGEST[..32];
        let malformed = [
            "",
            "changeme",
            &KEY[..31],
            &format!("{KEY}\n"),
            &format!("{KEY} with blanks"),
            &"密".repeat(32),
            "sha256:",
            &format!("sha256:{half}"),
            &format!("sha256:{DIGEST}0"),
            &format!("sha256:{DIGEST}00"),
            &format!("sha256: {}", &DIGEST[1..]),
            &format!("sha256:+{}", &DIGEST[1..]),
            &format!("sha256:g{}", &DIGEST[1..]),
            &format!("sha256:é{}", &DIGEST[2..]),
        ];
        let names: Vec<String> = (0..malformed.len()).map(|n| format!("service-{n}")).collect();
        let pairs: Vec<_> = names.iter().map(String::as_str).zip(malformed).collect();
        let expected: Vec<_> = names.iter().cloned().map(ServiceKeyError::Malformed).collect();
        assert_eq!(keys(&pairs).unwrap_err(), expected);
    }

    #[test]
    fn duplicate_keys_are_rejected() {
        let digest = format!("sha256:{DIGEST}");
        let shared = keys(&[("a", KEY), ("b", OTHER_KEY), ("c", &digest)]).unwrap_err();
        assert_eq!(shared, [ServiceKeyError::Duplicate("a".into(), "c".into())]);
    }

    #[test]
    fn errors_and_debug_output_contain_no_key() {
        let good = keys(&[("billing", KEY), ("shop", OTHER_KEY)]).unwrap();
        assert_eq!(format!("{good:?}"), r#"{"billing", "shop"}"#);
        let bad = keys(&[("a", "canary short"), ("b", KEY), ("c", KEY)]).unwrap_err();
        let shown = format!("{bad:?} {} {}", bad[0], bad[1]);
        assert!(!shown.contains("canary") && shown.contains("64 hexadecimal digits"), "{shown}");
    }
}
