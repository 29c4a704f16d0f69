//! Formats of WeChat's ids, codes, tokens and request ids.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::crypto::hex;

/// Creates a login code: 32 letters and digits.
pub(crate) fn login_code() -> String {
    alphanumeric(32)
}

/// Creates a phone code: 64 lowercase hexadecimal digits.
pub(crate) fn phone_code() -> String {
    hex(&rand::random::<[u8; 32]>())
}

/// Creates an access token: two digits, `_`, then 134 URL-safe characters.
pub(crate) fn access_token() -> String {
    let random = [rand::random::<[u8; 32]>(), rand::random(), rand::random()].concat();
    let generation = rand::random_range(60..100);
    format!("{generation}_{}{}", URL_SAFE_NO_PAD.encode(random), alphanumeric(6))
}

/// Checks the format of an access token. A malformed one is error 40014, an unknown one 40001.
pub(crate) fn is_access_token(text: &str) -> bool {
    text.split_once('_').is_some_and(|(generation, rest)| {
        !generation.is_empty()
            && generation.bytes().all(|b| b.is_ascii_digit())
            && rest.len() >= 64
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

/// Creates a request id. Its first group is the time of the request, Unix seconds in hexadecimal.
pub(crate) fn request_id(now: Timestamp) -> String {
    let random: u64 = rand::random();
    format!("{:08x}-{:08x}-{:08x}", now.as_secs(), random >> 32, random & 0xffff_ffff)
}

/// Creates a `hint`, which the phone endpoint adds before its request id, for example
/// `hElexSDNRa-XiBFgA`.
pub(crate) fn hint() -> String {
    format!("{}-{}", alphanumeric(10), alphanumeric(6))
}

/// Derives the id of a user in one app. It is deterministic, so that members stay the same after a
/// restart of the sandbox. As in WeChat, the ids of one app share a prefix.
pub(crate) fn openid(app_id: &str, user: &str) -> String {
    format!("o{}{}", digest("app", app_id, "", 5), digest("openid", app_id, user, 22))
}

/// Derives the id of a user in all apps of one Open Platform account.
pub(crate) fn unionid(open_platform: &str, user: &str) -> String {
    format!(
        "o{}{}",
        digest("platform", open_platform, "", 5),
        digest("unionid", open_platform, user, 22)
    )
}

/// Derives the original id, which identifies the mini program in pushes.
pub(crate) fn original_id(app_id: &str) -> String {
    format!("gh_{:.12}", hex(&Sha256::digest(app_id)))
}

/// Creates random letters and digits.
pub(crate) fn alphanumeric(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}

fn digest(kind: &str, scope: &str, user: &str, length: usize) -> String {
    let hash = Sha256::digest([kind, scope, user].join("\0"));
    URL_SAFE_NO_PAD.encode(hash).chars().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_observed_formats() {
        let is_url_safe =
            |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        for id in [openid("wx1", "alice"), unionid("group", "alice")] {
            assert!(id.len() == 28 && id.starts_with('o') && is_url_safe(&id), "{id}");
        }
        assert_eq!(login_code().len(), 32);
        assert!(phone_code().len() == 64 && phone_code().bytes().all(|b| b.is_ascii_hexdigit()));
        let token = access_token();
        assert!(token.len() >= 136 && is_access_token(&token), "{token}");
        assert_eq!(original_id("wx1").len(), 15);
    }

    #[test]
    fn request_id_starts_with_the_time() {
        let rid = request_id(Timestamp::from_secs(0x66c6_9111));
        assert_eq!(rid.len(), 26);
        assert!(rid.starts_with("66c69111-"), "{rid}");
    }

    #[test]
    fn ids_differ_by_user_app_and_open_platform() {
        assert_eq!(openid("wx1", "alice"), openid("wx1", "alice"));
        assert_ne!(openid("wx1", "alice"), openid("wx1", "bob"));
        assert_ne!(openid("wx1", "alice")[6..], openid("wx2", "alice")[6..]);
        assert_ne!(unionid("one", "alice"), unionid("two", "alice"));
    }

    #[test]
    fn malformed_access_tokens_are_recognised() {
        for wrong in ["", "token", "62_short", &format!("x_{}", "a".repeat(130))] {
            assert!(!is_access_token(wrong), "{wrong}");
        }
    }
}
