//! Formatting of times by RFC 3339, in UTC.

use domain::model::timestamp::Timestamp;
use time::UtcDateTime;

/// Formats a time to the second: `2026-11-20T10:00:00Z`.
#[must_use]
pub fn seconds(time: Timestamp) -> String {
    let (text, _) = date_and_time(time);
    format!("{text}Z")
}

/// Formats a time to the millisecond: `2026-11-20T10:00:00.000Z`.
pub(crate) fn millis(time: Timestamp) -> String {
    let (text, millis) = date_and_time(time);
    format!("{text}.{millis:03}Z")
}

/// Formats date and time without a fraction, and returns the milliseconds.
///
/// RFC 3339 allows the years 0 to 9999. Times out of this range are formatted as 1970.
fn date_and_time(time: Timestamp) -> (String, u16) {
    let nanos = i128::from(time.unix_millis()) * 1_000_000;
    let time = UtcDateTime::from_unix_timestamp_nanos(nanos).ok();
    let t = time.filter(|time| time.year() >= 0).unwrap_or(UtcDateTime::UNIX_EPOCH);
    let (year, month, day) = t.to_calendar_date();
    let (hour, minute, second) = t.as_hms();
    let text =
        format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}", u8::from(month));
    (text, t.millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_and_without_milliseconds() {
        for (unix_millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_168_800_007, "2026-11-20T10:00:00.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            let time = Timestamp::from_unix_millis(unix_millis);
            assert_eq!(millis(time), text);
            assert_eq!(seconds(time), format!("{}Z", &text[..19]));
        }
    }

    #[test]
    fn times_out_of_range_do_not_panic() {
        for unix_millis in [i64::MIN, -99_999_999_999_999, 253_402_300_800_000, i64::MAX] {
            let time = Timestamp::from_unix_millis(unix_millis);
            assert_eq!(millis(time), "1970-01-01T00:00:00.000Z");
        }
    }
}
