//! Nicknames and the default nicknames of members that chose none.

use crate::model::member::phone::PhoneNumber;
use crate::model::random::Random;

/// Maximum length of a nickname, in Unicode scalar values. An emoji can consist of several.
pub const MAX_NICKNAME_CHARS: usize = 64;

/// Placeholder that WeChat has returned to every app instead of the user's name since November 2022.
const PLACEHOLDER: &str = "微信用户";

/// Nickname of a member: one line, not blank, not WeChat's placeholder, of bounded length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nickname(String);

/// Error: the text is not a valid nickname.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NicknameError {
    /// Blank text or WeChat's placeholder: the user has chosen no name.
    #[error("a nickname is neither blank nor the placeholder {PLACEHOLDER}")]
    BlankOrPlaceholder,
    /// Text longer than [`MAX_NICKNAME_CHARS`].
    #[error("a nickname has at most {MAX_NICKNAME_CHARS} characters")]
    TooLong,
    /// Text with a line break, NUL or another control character.
    #[error("a nickname has no control characters")]
    ControlCharacter,
}

impl Nickname {
    /// Validates a text. It is stored unchanged or refused, never corrected.
    pub fn parse(raw: &str) -> Result<Self, NicknameError> {
        let breaks_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if raw.trim().is_empty() || raw.trim() == PLACEHOLDER {
            return Err(NicknameError::BlankOrPlaceholder);
        }
        if raw.chars().count() > MAX_NICKNAME_CHARS {
            return Err(NicknameError::TooLong);
        }
        if raw.chars().any(breaks_line) {
            return Err(NicknameError::ControlCharacter);
        }
        Ok(Self(raw.to_owned()))
    }

    /// Returns the nickname.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Configured prefixes of default nicknames, e.g. `好柿开花`.
#[derive(Clone, Debug)]
pub struct NicknamePrefixes(Vec<String>);

/// Error: the list of prefixes is not usable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Empty list.
    #[error("at least one nickname prefix is required")]
    Empty,
    /// Prefix that cannot begin a nickname.
    #[error("{prefix:?} cannot begin a nickname: {source}")]
    Invalid {
        /// Configured prefix.
        prefix: String,
        /// Violated rule.
        source: NicknameError,
    },
}

impl NicknamePrefixes {
    /// Validates that every prefix followed by any digits is a nickname.
    pub fn new(prefixes: Vec<String>) -> Result<Self, PrefixError> {
        for prefix in &prefixes {
            // A phone number has at most seven digits after the seventh.
            Nickname::parse(&format!("{prefix}0000000"))
                .map_err(|source| PrefixError::Invalid { prefix: prefix.clone(), source })?;
        }
        if prefixes.is_empty() {
            return Err(PrefixError::Empty);
        }
        Ok(Self(prefixes))
    }

    /// Generates a default nickname: a random prefix and the phone number's digits after the seventh, or
    /// four random digits if there is no phone number or it is too short.
    #[must_use]
    pub fn nickname(&self, phone: Option<&PhoneNumber>, random: &dyn Random) -> Nickname {
        let index = usize::from(u16::from_be_bytes(random_bytes(random))) % self.0.len().max(1);
        let prefix = self.0.get(index).map_or("", String::as_str);
        let digits =
            phone.map(PhoneNumber::digits_after_seventh).filter(|digits| !digits.is_empty());
        Nickname(digits.map_or_else(
            || format!("{prefix}{:04}", u32::from_be_bytes(random_bytes(random)) % 10_000),
            |digits| format!("{prefix}{digits}"),
        ))
    }
}

fn random_bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::random::MockRandom;

    fn seven() -> MockRandom {
        let mut random = MockRandom::new();
        random.expect_fill().returning(|bytes| bytes.fill(7));
        random
    }

    fn persimmon() -> NicknamePrefixes {
        NicknamePrefixes::new(vec!["好柿开花".into()]).unwrap()
    }

    #[test]
    fn default_nickname_ends_in_the_last_digits_of_the_phone() {
        let phone = PhoneNumber::new(86, "13800138915").unwrap();
        assert_eq!(persimmon().nickname(Some(&phone), &seven()).as_str(), "好柿开花8915");
    }

    #[test]
    fn default_nickname_has_random_digits_without_a_long_phone() {
        let short = PhoneNumber::new(290, "1234").unwrap();
        // 0x07070707 = 117901063
        assert_eq!(persimmon().nickname(None, &seven()).as_str(), "好柿开花1063");
        assert_eq!(persimmon().nickname(Some(&short), &seven()).as_str(), "好柿开花1063");
    }

    #[test]
    fn every_nickname_prefix_can_be_selected() {
        let prefixes = NicknamePrefixes::new(vec!["甲".into(), "乙".into()]).unwrap();
        let phone = PhoneNumber::new(86, "13800138915").unwrap();
        let drawn = |byte: u8| {
            let mut random = MockRandom::new();
            random.expect_fill().returning(move |bytes| bytes.fill(byte));
            prefixes.nickname(Some(&phone), &random).as_str().to_owned()
        };
        assert_eq!((drawn(0), drawn(1)), ("甲8915".into(), "乙8915".into()));
    }

    #[test]
    fn blank_placeholder_and_malformed_nicknames_are_refused() {
        for blank in ["", "  ", "\u{3000}", "微信用户", " 微信用户 "] {
            assert_eq!(Nickname::parse(blank), Err(NicknameError::BlankOrPlaceholder), "{blank:?}");
        }
        for bad in ["a\0b", "a\nb", "a\u{2028}b", "a\u{7f}"] {
            assert_eq!(Nickname::parse(bad), Err(NicknameError::ControlCharacter), "{bad:?}");
        }
        assert_eq!(Nickname::parse(&"柿".repeat(65)), Err(NicknameError::TooLong));
    }

    #[test]
    fn nickname_is_stored_unchanged() {
        for name in ["好柿开花8915", "👨‍👩‍👧‍👦", " Ann ", "e\u{301}", &"柿".repeat(64)]
        {
            assert_eq!(Nickname::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn invalid_nickname_prefixes_are_refused() {
        assert_eq!(NicknamePrefixes::new(vec![]).err(), Some(PrefixError::Empty));
        let long = "x".repeat(60);
        assert!(matches!(
            NicknamePrefixes::new(vec!["好".into(), long]).err(),
            Some(PrefixError::Invalid { source: NicknameError::TooLong, .. })
        ));
    }
}
