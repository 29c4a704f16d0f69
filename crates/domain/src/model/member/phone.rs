//! Phone numbers in canonical form, and how little of one is ever shown.

use std::fmt;

/// A phone number as country code and national number: what E.164 calls `+86 13800138000`.
///
/// `Display` and `Debug` show only the masked form; the digits are read by name.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    country_code: u16,
    national: String,
}

/// The digits cannot be a phone number.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a phone number is a country code of 1 to 3 digits and a number of 4 to 14, 15 in all")]
pub struct MalformedPhone;

impl PhoneNumber {
    /// Builds a number from a country code (86 for mainland China) and the number without it.
    ///
    /// E.164 allows 15 digits in all; the shortest national numbers in use have four.
    pub fn new(country_code: u16, national: &str) -> Result<Self, MalformedPhone> {
        let digits = national.len() + country_code.checked_ilog10().map_or(1, |n| n as usize + 1);
        let possible = (1..=999).contains(&country_code)
            && national.len() >= 4
            && digits <= 15
            && national.bytes().all(|b| b.is_ascii_digit());
        if possible {
            Ok(Self { country_code, national: national.to_owned() })
        } else {
            Err(MalformedPhone)
        }
    }

    /// The country code, 86 for mainland China.
    #[must_use]
    pub fn country_code(&self) -> u16 {
        self.country_code
    }

    /// The number within its country, digits only.
    #[must_use]
    pub fn national(&self) -> &str {
        &self.national
    }

    /// The one spelling under which the number is stored and compared: `+8613800138000`.
    #[must_use]
    pub fn e164(&self) -> String {
        format!("+{}{}", self.country_code, self.national)
    }

    /// What may be shown: of ten digits and more the first three and the last two (`138******00`), of
    /// fewer the first two and the last two. WeChat asks for no more than that on a screen.
    #[must_use]
    pub fn masked(&self) -> String {
        let (length, head) = (self.national.len(), if self.national.len() >= 10 { 3 } else { 2 });
        let hidden = length.saturating_sub(head + 2);
        let shown = |range| self.national.get(range).unwrap_or_default();
        if hidden == 0 {
            return "*".repeat(length);
        }
        format!("{}{}{}", shown(0..head), "*".repeat(hidden), shown(head + hidden..length))
    }

    /// The digits after the seventh, which a default nickname ends in; empty for short numbers.
    #[must_use]
    pub fn digits_after_seventh(&self) -> &str {
        self.national.get(7..).unwrap_or_default()
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mainland_number_shows_three_digits_and_two() {
        let phone = PhoneNumber::new(86, "13800138034").unwrap();
        assert_eq!(phone.masked(), "138******34");
        assert_eq!(format!("{phone} {phone:?}"), "138******34 PhoneNumber(138******34)");
        assert_eq!(phone.e164(), "+8613800138034");
    }

    #[test]
    fn a_short_number_shows_less_and_the_shortest_nothing() {
        assert_eq!(PhoneNumber::new(852, "91234567").unwrap().masked(), "91****67");
        assert_eq!(PhoneNumber::new(290, "1234").unwrap().masked(), "****");
    }

    #[test]
    fn a_nickname_ends_in_the_digits_after_the_seventh() {
        assert_eq!(PhoneNumber::new(86, "13800138915").unwrap().digits_after_seventh(), "8915");
        assert_eq!(PhoneNumber::new(290, "1234").unwrap().digits_after_seventh(), "");
    }

    #[test]
    fn what_cannot_be_a_number_is_refused() {
        for (code, national) in [
            (0, "13800138000"),
            (1000, "123456"),
            (86, "123"),
            (86, "1380013800x"),
            (86, "１３８００１３８０００"),
        ] {
            assert_eq!(PhoneNumber::new(code, national), Err(MalformedPhone), "{code} {national}");
        }
        assert_eq!(PhoneNumber::new(86, "12345678901234"), Err(MalformedPhone), "16 digits in all");
        assert!(PhoneNumber::new(1, "12345678901234").is_ok(), "15 digits in all");
    }
}
