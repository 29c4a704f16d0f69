//! What a member is called, and the name given to one who brought none.

use crate::model::member::phone::PhoneNumber;
use crate::model::random::Random;

/// The longest nickname, in Unicode scalar values: room for emoji built of several.
pub const NICKNAME_MAX: usize = 64;

/// What WeChat hands to every app instead of the user's name since November 2022.
const PLACEHOLDER: &str = "微信用户";

/// A name a member can bear: not blank, not WeChat's placeholder, one line, of bounded length.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nickname(String);

/// Why a text is no nickname.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NicknameError {
    /// Blank, or WeChat's placeholder: the user has chosen no name.
    #[error("a nickname is neither blank nor the placeholder {PLACEHOLDER}")]
    Unchosen,
    /// Longer than [`NICKNAME_MAX`].
    #[error("a nickname has at most {NICKNAME_MAX} characters")]
    TooLong,
    /// Holds a line break, NUL or another control character.
    #[error("a nickname has no control characters")]
    ControlCharacter,
}

impl Nickname {
    /// Takes a text as it stands: it is kept to the byte or refused, never mended.
    pub fn parse(raw: &str) -> Result<Self, NicknameError> {
        let breaks_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        if raw.trim().is_empty() || raw.trim() == PLACEHOLDER {
            Err(NicknameError::Unchosen)
        } else if raw.chars().count() > NICKNAME_MAX {
            Err(NicknameError::TooLong)
        } else if raw.chars().any(breaks_line) {
            Err(NicknameError::ControlCharacter)
        } else {
            Ok(Self(raw.to_owned()))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The beginnings that default nicknames are drawn from, for example `好柿开花`.
#[derive(Clone, Debug)]
pub struct NicknamePrefixes(Vec<String>);

/// Why a list of prefixes cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// There is none to draw.
    #[error("at least one nickname prefix is needed")]
    None,
    /// One cannot begin a nickname.
    #[error("{prefix:?} cannot begin a nickname: {source}")]
    Unusable {
        /// The prefix as configured.
        prefix: String,
        /// What is wrong with it.
        source: NicknameError,
    },
}

impl NicknamePrefixes {
    /// Checks that every prefix makes a nickname with any digits behind it.
    pub fn new(prefixes: Vec<String>) -> Result<Self, PrefixError> {
        for prefix in &prefixes {
            // No phone number leaves more digits than this behind its seventh.
            Nickname::parse(&format!("{prefix}0000000"))
                .map_err(|source| PrefixError::Unusable { prefix: prefix.clone(), source })?;
        }
        if prefixes.is_empty() { Err(PrefixError::None) } else { Ok(Self(prefixes)) }
    }

    /// A name for someone who chose none: a drawn prefix and the phone's digits after the seventh, or
    /// four random digits where there is no phone or it has no such digits.
    #[must_use]
    pub fn nickname(&self, phone: Option<&PhoneNumber>, random: &dyn Random) -> Nickname {
        let drawn = usize::from(u16::from_be_bytes(random_bytes(random))) % self.0.len().max(1);
        let prefix = self.0.get(drawn).map_or("", String::as_str);
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
    fn a_default_nickname_ends_in_the_phones_last_digits() {
        let phone = PhoneNumber::new(86, "13800138915").unwrap();
        assert_eq!(persimmon().nickname(Some(&phone), &seven()).as_str(), "好柿开花8915");
    }

    #[test]
    fn without_a_phone_or_with_a_short_one_the_digits_are_random() {
        let short = PhoneNumber::new(290, "1234").unwrap();
        // 0x07070707 = 117901063
        assert_eq!(persimmon().nickname(None, &seven()).as_str(), "好柿开花1063");
        assert_eq!(persimmon().nickname(Some(&short), &seven()).as_str(), "好柿开花1063");
    }

    #[test]
    fn every_prefix_can_be_drawn() {
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
    fn the_placeholder_and_unusable_names_are_no_nicknames() {
        for unchosen in ["", "  ", "\u{3000}", "微信用户", " 微信用户 "] {
            assert_eq!(Nickname::parse(unchosen), Err(NicknameError::Unchosen), "{unchosen:?}");
        }
        for broken in ["a\0b", "a\nb", "a\u{2028}b", "a\u{7f}"] {
            assert_eq!(Nickname::parse(broken), Err(NicknameError::ControlCharacter), "{broken:?}");
        }
        assert_eq!(Nickname::parse(&"柿".repeat(65)), Err(NicknameError::TooLong));
    }

    #[test]
    fn a_nickname_is_kept_to_the_byte() {
        for name in ["好柿开花8915", "👨‍👩‍👧‍👦", " Ann ", "e\u{301}", &"柿".repeat(64)]
        {
            assert_eq!(Nickname::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn prefixes_that_make_no_nickname_are_refused() {
        assert_eq!(NicknamePrefixes::new(vec![]).err(), Some(PrefixError::None));
        let long = "x".repeat(60);
        assert!(matches!(
            NicknamePrefixes::new(vec!["好".into(), long]).err(),
            Some(PrefixError::Unusable { source: NicknameError::TooLong, .. })
        ));
    }
}
