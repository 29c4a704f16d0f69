//! The keys by which trusted back ends are known; only their digests are kept.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use domain::model::service_account::ServiceAccount;
use domain::ports::service_accounts::ServiceAccountAuthenticator;
use secrecy::{ExposeSecret, SecretString};

/// The shortest key that may stand in the configuration as it is, in characters.
const KEY_MIN: usize = 32;

/// What marks the hexadecimal SHA-256 of a key.
const DIGEST_MARK: &str = "sha256:";

/// The configured services and the SHA-256 of each one's key; unsalted, for the keys are random.
pub struct ServiceKeys(Vec<(String, [u8; 32])>);

/// Why a service's key is unfit; the key is never part of it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceKeyError {
    /// Neither form of a key.
    #[error(
        "the key of service {0:?} is neither {DIGEST_MARK} and 64 hexadecimal digits \
         (`printf %s KEY | sha256sum`) nor {KEY_MIN} or more visible ASCII characters \
         (`openssl rand -hex 32`)"
    )]
    Malformed(String),
    /// One key for two: nobody could tell who calls.
    #[error("the services {0:?} and {1:?} have the same key: give each its own")]
    Shared(String, String),
}

impl ServiceKeys {
    /// Takes names with their keys as configured: the text of the key, or `sha256:` and its digest
    /// in hexadecimal. All that is wrong is told at once.
    pub fn new(
        configured: impl IntoIterator<Item = (String, SecretString)>,
    ) -> Result<Self, Vec<ServiceKeyError>> {
        let (mut known, mut errors) = (Vec::<(String, [u8; 32])>::new(), Vec::new());
        for (name, key) in configured {
            let Some(digest) = configured_digest(key.expose_secret()) else {
                errors.push(ServiceKeyError::Malformed(name));
                continue;
            };
            if let Some((other, _)) = known.iter().find(|(_, other)| *other == digest) {
                errors.push(ServiceKeyError::Shared(other.clone(), name.clone()));
            }
            known.push((name, digest));
        }
        if errors.is_empty() { Ok(Self(known)) } else { Err(errors) }
    }
}

impl ServiceAccountAuthenticator for ServiceKeys {
    fn authenticate(&self, key: &str) -> Option<ServiceAccount> {
        let shown = digest(&SHA256, key.as_bytes());
        let belongs = |known: &[u8]| verify_slices_are_equal(known, shown.as_ref()).is_ok();
        // A fold compares with all of them, whichever it is; a `find` would stop.
        let found = self.0.iter().fold(
            None,
            |found, (name, known)| {
                if belongs(known) { Some(name) } else { found }
            },
        );
        found.map(|name| ServiceAccount { name: name.clone() })
    }
}

/// Names the services and nothing of their keys.
impl fmt::Debug for ServiceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

fn configured_digest(key: &str) -> Option<[u8; 32]> {
    if let Some(hex) = key.strip_prefix(DIGEST_MARK) {
        return from_hex(hex);
    }
    // Another character would never come through an `Authorization` header.
    let fit = key.len() >= KEY_MIN && key.bytes().all(|b| b.is_ascii_graphic());
    if fit { digest(&SHA256, key.as_bytes()).as_ref().try_into().ok() } else { None }
}

fn from_hex(hex: &str) -> Option<[u8; 32]> {
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
    fn a_service_is_known_by_its_key_however_that_is_configured() {
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
    fn nothing_but_the_whole_key_is_believed() {
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
    fn unfit_keys_are_all_refused_at_once_by_name() {
        let half = &DIGEST[..32];
        let unfit = [
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
        let names: Vec<String> = (0..unfit.len()).map(|n| format!("service-{n}")).collect();
        let pairs: Vec<_> = names.iter().map(String::as_str).zip(unfit).collect();
        let expected: Vec<_> = names.iter().cloned().map(ServiceKeyError::Malformed).collect();
        assert_eq!(keys(&pairs).unwrap_err(), expected);
    }

    #[test]
    fn two_services_cannot_share_a_key() {
        let digest = format!("sha256:{DIGEST}");
        let shared = keys(&[("a", KEY), ("b", OTHER_KEY), ("c", &digest)]).unwrap_err();
        assert_eq!(shared, [ServiceKeyError::Shared("a".into(), "c".into())]);
    }

    #[test]
    fn no_key_shows_in_an_error_or_in_debug_output() {
        let good = keys(&[("billing", KEY), ("shop", OTHER_KEY)]).unwrap();
        assert_eq!(format!("{good:?}"), r#"{"billing", "shop"}"#);
        let bad = keys(&[("a", "canary short"), ("b", KEY), ("c", KEY)]).unwrap_err();
        let shown = format!("{bad:?} {} {}", bad[0], bad[1]);
        assert!(!shown.contains("canary") && shown.contains("64 hexadecimal digits"), "{shown}");
    }
}
