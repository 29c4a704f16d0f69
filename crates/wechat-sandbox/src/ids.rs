//! The shapes of everything WeChat hands out: ids, codes, tokens, request ids.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};

use crate::crypto::hex;
use crate::state::Moment;

/// What `wx.login` gives: 32 letters and digits.
pub(crate) fn login_code() -> String {
    alphanumeric(32)
}

/// What the phone button gives: 64 lowercase hexadecimal digits.
pub(crate) fn phone_code() -> String {
    hex(&rand::random::<[u8; 32]>())
}

/// An access token: two digits, `_`, then 134 URL-safe characters.
pub(crate) fn access_token() -> String {
    let random = [rand::random::<[u8; 32]>(), rand::random(), rand::random()].concat();
    let generation = rand::random_range(60..100);
    format!("{generation}_{}{}", URL_SAFE_NO_PAD.encode(random), alphanumeric(6))
}

/// Whether a text could be an access token at all; what could not is error 40014, not 40001.
pub(crate) fn is_access_token(text: &str) -> bool {
    text.split_once('_').is_some_and(|(generation, rest)| {
        !generation.is_empty()
            && generation.bytes().all(|b| b.is_ascii_digit())
            && rest.len() >= 64
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

/// A request id. WeChat: the first group is the time of the request, Unix seconds in hexadecimal.
pub(crate) fn rid(now: Moment) -> String {
    let random: u64 = rand::random();
    format!("{:08x}-{:08x}-{:08x}", now.as_secs(), random >> 32, random & 0xffff_ffff)
}

/// The `hint` that the phone endpoint puts before its request id, like `hElexSDNRa-XiBFgA`.
pub(crate) fn hint() -> String {
    format!("{}-{}", alphanumeric(10), alphanumeric(6))
}

/// The id of a user in one app: always the same, so that a member made yesterday is still the
/// same member after the sandbox was restarted. As with WeChat, ids of one app begin alike.
pub(crate) fn openid(app_id: &str, user: &str) -> String {
    format!("o{}{}", digest("app", app_id, "", 5), digest("openid", app_id, user, 22))
}

/// The id of a user in all apps of one Open Platform account.
pub(crate) fn unionid(open_platform: &str, user: &str) -> String {
    format!(
        "o{}{}",
        digest("platform", open_platform, "", 5),
        digest("unionid", open_platform, user, 22)
    )
}

/// The id WeChat calls the mini program itself by in pushes.
pub(crate) fn original_id(app_id: &str) -> String {
    format!("gh_{:.12}", hex(&Sha256::digest(app_id)))
}

/// Letters and digits, unpredictable.
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
    fn ids_have_the_observed_shapes() {
        let url_safe = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        for id in [openid("wx1", "alice"), unionid("group", "alice")] {
            assert!(id.len() == 28 && id.starts_with('o') && url_safe(&id), "{id}");
        }
        assert_eq!(login_code().len(), 32);
        assert!(phone_code().len() == 64 && phone_code().bytes().all(|b| b.is_ascii_hexdigit()));
        let token = access_token();
        assert!(token.len() >= 136 && is_access_token(&token), "{token}");
        assert_eq!(original_id("wx1").len(), 15);
    }

    #[test]
    fn a_rid_begins_with_the_time() {
        let rid = rid(Moment::from_secs(0x66c6_9111));
        assert_eq!(rid.len(), 26);
        assert!(rid.starts_with("66c69111-"), "{rid}");
    }

    #[test]
    fn ids_tell_users_apps_and_groups_apart() {
        assert_eq!(openid("wx1", "alice"), openid("wx1", "alice"));
        assert_ne!(openid("wx1", "alice"), openid("wx1", "bob"));
        assert_ne!(openid("wx1", "alice")[6..], openid("wx2", "alice")[6..]);
        assert_ne!(unionid("one", "alice"), unionid("two", "alice"));
    }

    #[test]
    fn other_texts_are_not_access_tokens() {
        for wrong in ["", "token", "62_short", &format!("x_{}", "a".repeat(130))] {
            assert!(!is_access_token(wrong), "{wrong}");
        }
    }
}
