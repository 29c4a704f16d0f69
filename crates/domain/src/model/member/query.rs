//! Member search.

use std::fmt;

use uuid::Uuid;

use crate::model::member::MemberId;

/// Maximum number of members or events on one page.
pub const MAX_PAGE_SIZE: u16 = 100;

/// Filter and page of a member search, the newest members first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberQuery {
    /// Filter.
    pub filter: MemberFilter,
    /// Cursor: only members older than this one are returned.
    pub before: Option<MemberId>,
    /// Maximum number of members.
    pub limit: u16,
}

/// Filter of a member search. `Debug` omits the value, which is personal data.
#[derive(Clone, PartialEq, Eq)]
pub enum MemberFilter {
    /// All members.
    Any,
    /// Member with this id.
    Id(MemberId),
    /// Member with this phone number, in canonical form (`+8613800138000`).
    Phone(String),
    /// Members with this masked phone number (`138******00`).
    MaskedPhone(String),
    /// Member with this id at a provider: an openid or a union id.
    Subject(String),
}

impl MemberFilter {
    /// Derives the filter from the text of a search box. A number without a country code counts as one
    /// of mainland China.
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
    fn search_text_is_classified_by_its_form() {
        let id = "019aa0d5-8e00-7c3a-9f51-6a1b2c3d4e5f";
        let phone = |e164: &str| MemberFilter::Phone(e164.to_owned());
        let subject = |value: &str| MemberFilter::Subject(value.to_owned());
        for (text, expected) in [
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
            assert!(MemberFilter::parse(text) == expected, "{text:?}");
        }
        assert_eq!(format!("{:?}", MemberFilter::parse("13800138000")), "Phone");
    }
}
