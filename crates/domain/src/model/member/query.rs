//! Which members an administrator looks for.

use std::fmt;

use uuid::Uuid;

use crate::model::member::MemberId;

/// How many members, or events, are told at once at most.
pub const PAGE_MAX: u16 = 100;

/// Some members, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberQuery {
    /// Which.
    pub criterion: MemberFilter,
    /// Only those who are older than this one.
    pub before: Option<MemberId>,
    /// How many at most.
    pub limit: u16,
}

/// What members have to be or have. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub enum MemberFilter {
    /// Nothing: all of them.
    Any,
    /// This one.
    Id(MemberId),
    /// This phone number, in canonical form (`+8613800138000`).
    Phone(String),
    /// A phone number that looks like this where it is masked (`138******00`).
    MaskedPhone(String),
    /// This id at a provider: an open id or a union id.
    Subject(String),
}

impl MemberFilter {
    /// What somebody means who writes this into a search box. A number without a country code is one of
    /// mainland China.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
        let is_number = |digits: &str| {
            (4..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        };
        if text.is_empty() {
            Self::Any
        } else if let Ok(id) = Uuid::try_parse(text) {
            Self::Id(MemberId(id))
        } else if text.contains('*') && text.bytes().all(|b| b.is_ascii_digit() || b == b'*') {
            Self::MaskedPhone(text.to_owned())
        } else if let Some(number) = digits.strip_prefix('+').filter(|digits| is_number(digits)) {
            Self::Phone(format!("+{number}"))
        } else if is_number(&digits) {
            Self::Phone(format!("+86{digits}"))
        } else {
            Self::Subject(text.to_owned())
        }
    }
}

impl fmt::Debug for MemberFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "Any",
            Self::Id(_) => "Id",
            Self::Phone(_) => "Phone",
            Self::MaskedPhone(_) => "MaskedPhone",
            Self::Subject(_) => "Subject",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_is_known_by_its_form() {
        let id = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f";
        let phone = |e164: &str| MemberFilter::Phone(e164.to_owned());
        let subject = |value: &str| MemberFilter::Subject(value.to_owned());
        for (text, meant) in [
            ("", MemberFilter::Any),
            ("  ", MemberFilter::Any),
            (id, MemberFilter::Id(MemberId(Uuid::try_parse(id).unwrap()))),
            ("13800138000", phone("+8613800138000")),
            (" 138-0013 8000 ", phone("+8613800138000")),
            ("+8613800138000", phone("+8613800138000")),
            ("+1 (202) 555-0143", phone("+12025550143")),
            ("138******00", MemberFilter::MaskedPhone("138******00".to_owned())),
            ("oABCD1234567890abcdefghijklm", subject("oABCD1234567890abcdefghijklm")),
            ("12", subject("12")),
            ("o*", subject("o*")),
        ] {
            assert!(MemberFilter::parse(text) == meant, "{text:?}");
        }
        assert_eq!(format!("{:?}", MemberFilter::parse("13800138000")), "Phone");
    }
}
