//! Identifier of an HTTP request.

use crate::model::id::uuid_v7;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// Id of a request in its response, the logs and the audit log: 8 to 64 letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Validates an id; `None` if it has another format.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let has_allowed_bytes = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        ((8..=64).contains(&id.len()) && has_allowed_bytes).then(|| Self(id.to_owned()))
    }

    /// Generates an id, a UUID of version 7.
    #[must_use]
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        Self(uuid_v7(now, random).hyphenated().to_string())
    }

    /// Returns the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_id_format() {
        let longest = "x".repeat(64);
        for id in ["019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f", "ABCdef12", &longest] {
            assert_eq!(RequestId::parse(id).map(|id| id.0).as_deref(), Some(id));
        }
        for bad in ["", "1234567", "12345678 ", "1234567\n", "一二三四五六七八", &"x".repeat(65)]
        {
            assert_eq!(RequestId::parse(bad), None, "{bad:?}");
        }
    }
}
