//! Avatar: the address of a member's picture.

/// Maximum length of an avatar address, in bytes.
pub const MAX_AVATAR_BYTES: usize = 512;

/// Address of an image with the scheme `https`. It can be embedded in a page without escaping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avatar(String);

/// Error: the text is not a valid avatar address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an avatar is an https:// address of at most {MAX_AVATAR_BYTES} ASCII characters")]
pub struct MalformedAvatar;

impl Avatar {
    /// Validates an address. Only `https` is permitted, because other schemes can run scripts in the
    /// administrators' console.
    pub fn parse(raw: &str) -> Result<Self, MalformedAvatar> {
        let allowed = |b: u8| b.is_ascii_graphic() && !b"\"'<>\\^`{|}".contains(&b);
        let host = raw.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
        let has_host = host.is_some_and(|host| !host.is_empty() && !host.contains('@'));
        if !has_host || raw.len() > MAX_AVATAR_BYTES || !raw.bytes().all(allowed) {
            return Err(MalformedAvatar);
        }
        Ok(Self(raw.to_owned()))
    }

    /// Returns the address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_address_is_accepted_as_avatar() {
        let address = "https://thirdwx.qlogo.cn/mmopen/vi_32/aSKc%20BB/132?x=1#y";
        assert_eq!(Avatar::parse(address).unwrap().as_str(), address);
    }

    #[test]
    fn unsafe_or_misleading_avatar_addresses_are_refused() {
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
            &format!("https://a.example/{}", "x".repeat(MAX_AVATAR_BYTES)),
        ] {
            assert_eq!(Avatar::parse(bad), Err(MalformedAvatar), "{bad}");
        }
    }
}
