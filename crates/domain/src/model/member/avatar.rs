//! The address of a member's picture.

/// The longest avatar address, in bytes.
pub const AVATAR_MAX: usize = 512;

/// An `https` address of a picture, safe to put into a page as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avatar(String);

/// The text is no address for an avatar.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an avatar is an https:// address of at most {AVATAR_MAX} ASCII characters")]
pub struct MalformedAvatar;

impl Avatar {
    /// Takes an address. Only `https`: other schemes can run script in a console that shows them.
    pub fn parse(raw: &str) -> Result<Self, MalformedAvatar> {
        let allowed = |b: u8| b.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&b);
        let host = raw.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
        let has_host = host.is_some_and(|host| !host.is_empty() && !host.contains('@'));
        if has_host && raw.len() <= AVATAR_MAX && raw.bytes().all(allowed) {
            Ok(Self(raw.to_owned()))
        } else {
            Err(MalformedAvatar)
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_https_address_is_an_avatar() {
        let address = "https://thirdwx.qlogo.cn/mmopen/vi_32/aSKc%20BB/132?x=1#y";
        assert_eq!(Avatar::parse(address).unwrap().as_str(), address);
    }

    #[test]
    fn nothing_that_could_run_or_mislead_is_an_avatar() {
        for bad in [
            "",
            "https://",
            "https:///x",
            "http://a.example/x",
            "javascript:alert(1)",
            "data:image/svg+xml,x",
            "https://a.example/\"onerror=",
            "https://a.example/<x>",
            "https://user@a.example/",
            "https://a.example/a b",
            "https://a.example/图",
            &format!("https://a.example/{}", "x".repeat(AVATAR_MAX)),
        ] {
            assert_eq!(Avatar::parse(bad), Err(MalformedAvatar), "{bad}");
        }
    }
}
