//! Phone numbers in E.164 form, and their masking.

use std::fmt;

/// Phone number as country code and national number: E.164's `+86 13800138000`.
///
/// `Display` and `Debug` show the masked form only; the digits are read by explicit calls.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    country_code: u16,
    national: String,
}

/// Error: the digits are not a valid phone number.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a phone number is a country code of 1 to 3 digits and a number of 4 to 14, 15 in all")]
pub struct MalformedPhone;

impl PhoneNumber {
    /// Creates a phone number from the country code (86 for mainland China) and the national number.
    ///
    /// E.164 allows 15 digits in total. The shortest national numbers in use have four.
    pub fn new(country_code: u16, national: &str) -> Result<Self, MalformedPhone> {
        let digits = national.len() + country_code.checked_ilog10().map_or(1, |n| n as usize + 1);
        let is_valid = (1..=999).contains(&country_code)
            && national.len() >= 4
            && digits <= 15
            && national.bytes().all(|b| b.is_ascii_digit());
        if !is_valid {
            return Err(MalformedPhone);
        }
        Ok(Self { country_code, national: national.to_owned() })
    }

    /// Returns the country code, 86 for mainland China.
    #[must_use]
    pub fn country_code(&self) -> u16 {
        self.country_code
    }

    /// Returns the national number, digits only.
    #[must_use]
    pub fn national(&self) -> &str {
        &self.national
    }

    /// Returns the canonical form in which numbers are stored and compared: `+8613800138000`.
    #[must_use]
    pub fn e164(&self) -> String {
        format!("+{}{}", self.country_code, self.national)
    }

    /// Returns the masked form. Ten or more digits show the first three and the last two
    /// (`138******00`), fewer the first two and the last two, as WeChat's guidelines for screens require.
    #[must_use]
    pub fn masked(&self) -> String {
        let length = self.national.len();
        let head = if self.national.len() >= 10 { 3 } else { 2 };
        let hidden = length.saturating_sub(head + 2);
        let shown = |range| self.national.get(range).unwrap_or_default();
        if hidden == 0 {
            return "*".repeat(length);
        }
        format!("{}{}{}", shown(0..head), "*".repeat(hidden), shown(head + hidden..length))
    }

    /// Returns the digits after the seventh, used in default nicknames; empty for short numbers.
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
    fn mainland_phone_is_masked_except_three_and_two_digits() {
        let phone = PhoneNumber::new(86, "13800138034").unwrap();
        assert_eq!(phone.masked(), "138******34");
        assert_eq!(format!("{phone} {phone:?}"), "138******34 PhoneNumber(138******34)");
        assert_eq!(phone.e164(), "+8613800138034");
    }

    #[test]
    fn short_phone_is_masked_except_two_and_two_digits() {
        assert_eq!(PhoneNumber::new(852, "91234567").unwrap().masked(), "91****67");
        assert_eq!(PhoneNumber::new(290, "1234").unwrap().masked(), "****");
    }

    #[test]
    fn digits_after_the_seventh_are_empty_for_short_phones() {
        assert_eq!(PhoneNumber::new(86, "13800138915").unwrap().digits_after_seventh(), "8915");
        assert_eq!(PhoneNumber::new(290, "1234").unwrap().digits_after_seventh(), "");
    }

    #[test]
    fn phone_number_validation() {
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
