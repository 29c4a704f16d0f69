//! Identifier of an HTTP request.

use crate::model::id::uuid_v7;
use crate::model::random::Random;
use crate::model::timestamp::Timestamp;

/// Names a request in its answer, in the log and on record: 8 to 64 letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Takes an id that is short and plain.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        ((8..=64).contains(&id.len()) && plain).then(|| Self(id.to_owned()))
    }

    /// A new one, a UUID of version 7.
    #[must_use]
    pub fn generate(now: Timestamp, random: &dyn Random) -> Self {
        Self(uuid_v7(now, random).hyphenated().to_string())
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_plain() {
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
