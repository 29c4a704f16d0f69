//! Table of WeChat's errcodes, with the meaning and the class of each.
//!
//! The codes come from WeChat's global list and from the documentation of the endpoints that are called.

use std::time::Duration;

use domain::model::timestamp::Timestamp;
use domain::ports::provider::ProviderFailure;

use self::Class::{
    Busy, CodeInvalid, CodeUsed, Misconfigured, QuotaExceeded, Refused, StaleToken, Throttled,
    UserBlocked,
};
use super::endpoint::Endpoint;

/// `Retry-After` of a response to a client while WeChat is down, busy or sends invalid responses.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(3);

/// Errcodes in ascending order.
pub const TABLE: &[Row] = &[
    row(-1, Busy, "WeChat is busy"),
    row(
        40001,
        StaleToken,
        "the access token is not the latest; for the access token endpoint: wrong app secret",
    ),
    row(40002, Misconfigured, "the grant type is wrong"),
    row(40003, Misconfigured, "the openid is not one of this app's"),
    row(40013, Misconfigured, "the app id is wrong, or the code was issued to another app"),
    row(40014, StaleToken, "the access token is malformed"),
    row(
        40029,
        CodeInvalid,
        "the code is wrong or expired, or was issued to another app or by the developer tools",
    ),
    row(40030, CodeInvalid, "the refresh token is invalid"),
    row(40097, Misconfigured, "the arguments are wrong"),
    row(40125, Misconfigured, "the app secret is wrong: it was reset, or is another app's"),
    row(40163, CodeUsed, "the code was used before"),
    row(
        40164,
        Misconfigured,
        "this server's address is not on the app's IP whitelist: add it there",
    ),
    row(40226, UserBlocked, "WeChat classifies the user as high risk"),
    row(40243, Misconfigured, "the app secret is frozen: unfreeze it in WeChat's console"),
    row(41001, Misconfigured, "the access token is missing"),
    row(41002, Misconfigured, "the app id is missing"),
    row(41004, Misconfigured, "the app secret is missing"),
    row(41008, Misconfigured, "the code is missing"),
    row(41009, Misconfigured, "the openid is missing"),
    row(42001, StaleToken, "the access token has expired"),
    row(42002, CodeInvalid, "the refresh token has expired"),
    row(42003, CodeInvalid, "the code has expired"),
    row(
        42007,
        CodeInvalid,
        "the user changed the WeChat password, which revoked the authorization",
    ),
    row(43002, Misconfigured, "the call must be a POST"),
    row(43104, Misconfigured, "the openid does not belong to the app"),
    row(44002, Misconfigured, "the body is empty"),
    row(44991, Throttled, "too many calls in this minute"),
    row(45009, QuotaExceeded, "the daily quota is used up: clear it in WeChat's console, or wait"),
    row(45011, Throttled, "too many calls in this minute"),
    row(47001, Misconfigured, "the body is not JSON"),
    row(48001, Misconfigured, "the app is not entitled to this call: apply for it in the console"),
    row(48006, Misconfigured, "the monthly quota resets are used up"),
    row(50001, UserBlocked, "the user has not authorized this"),
    row(50002, UserBlocked, "the user's account is limited, frozen or cancelled"),
    row(50004, Misconfigured, "the account may not fetch access tokens"),
    row(50007, Misconfigured, "the account is frozen"),
    row(61003, Misconfigured, "the app has not authorised the third-party platform"),
    row(61010, CodeInvalid, "the user has not opened the app within two hours"),
    row(87007, CodeInvalid, "the session key has expired"),
    row(87008, CodeInvalid, "the method of the session's signature is wrong"),
    row(87009, CodeInvalid, "the session's signature is wrong"),
    row(87014, Refused, "the content is risky"),
    row(89002, Misconfigured, "the app is not bound to an Open Platform account"),
    row(89300, Refused, "the payment order is invalid"),
    row(89503, Misconfigured, "an administrator must confirm this server's address"),
    row(89506, Misconfigured, "an administrator refused this server's address, for 24 hours"),
    row(89507, Misconfigured, "an administrator refused this server's address, for an hour"),
];

/// Row of the table: one errcode.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    code: i64,
    class: Class,
    meaning: &'static str,
}

/// Class of an errcode: the reaction that it calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// WeChat is busy: retry once. The code may or may not have been redeemed.
    Busy,
    /// The access token was rejected: fetch another one and retry once. The code was not redeemed.
    StaleToken,
    /// The code is invalid: the client must obtain a new one.
    CodeInvalid,
    /// The code was redeemed before.
    CodeUsed,
    /// WeChat blocks the user.
    UserBlocked,
    /// WeChat refuses the operation for this user or content.
    Refused,
    /// The limit of calls per minute is reached.
    Throttled,
    /// The daily quota is used up, and stays so unless the operator clears it.
    QuotaExceeded,
    /// The configuration (or this program) is wrong, and only the operator can correct it.
    Misconfigured,
    /// The errcode is not in the table.
    Unknown,
}

const fn row(code: i64, class: Class, meaning: &'static str) -> Row {
    Row { code, class, meaning }
}

impl Row {
    /// Looks up the row of a code.
    #[must_use]
    pub fn find(code: i64) -> Option<&'static Self> {
        TABLE.iter().find(|row| row.code == code)
    }

    /// Errcode.
    #[must_use]
    pub const fn code(&self) -> i64 {
        self.code
    }

    /// Short description of the errcode.
    #[must_use]
    pub const fn meaning(&self) -> &'static str {
        self.meaning
    }

    /// Class of the errcode when `endpoint` returns it.
    ///
    /// - Logging in and fetching an access token send no access token, and fetching one involves no user. If these
    ///   endpoints return an errcode about a token, a code or a user, the configuration is wrong.
    /// - The openid sent with a phone code comes from WeChat. If WeChat reports a mismatch, the code belongs to
    ///   another user.
    /// - The endpoints for session keys take no code, so only an errcode about the session key itself counts as an
    ///   invalid code.
    #[must_use]
    pub const fn class(&self, endpoint: Endpoint) -> Class {
        match (endpoint, self.class) {
            (Endpoint::PhoneNumber, _) if matches!(self.code, 40003 | 43104) => CodeInvalid,
            (Endpoint::CheckSession | Endpoint::ResetSession, CodeInvalid)
                if matches!(self.code, 87007 | 87009) =>
            {
                CodeInvalid
            }
            (Endpoint::CodeToSession, StaleToken)
            | (Endpoint::CheckSession | Endpoint::ResetSession, CodeInvalid | CodeUsed)
            | (
                Endpoint::StableToken,
                StaleToken | CodeInvalid | CodeUsed | UserBlocked | Refused,
            ) => Misconfigured,
            (
                Endpoint::CodeToSession
                | Endpoint::PhoneNumber
                | Endpoint::CheckSession
                | Endpoint::ResetSession
                | Endpoint::StableToken,
                class,
            ) => class,
        }
    }
}

impl Class {
    /// Class of any errcode when `endpoint` returns it.
    #[must_use]
    pub fn of(code: i64, endpoint: Endpoint) -> Self {
        Row::find(code).map_or(Self::Unknown, |row| row.class(endpoint))
    }

    /// Value of the metric label `class`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Busy => "busy",
            StaleToken => "stale_token",
            CodeInvalid => "code_invalid",
            CodeUsed => "code_used",
            UserBlocked => "user_blocked",
            Refused => "refused",
            Throttled => "throttled",
            QuotaExceeded => "quota_exceeded",
            Misconfigured => "misconfigured",
            Self::Unknown => "unknown_errcode",
        }
    }

    /// Failure of the port for this class, after a retry was made or ruled out.
    #[must_use]
    pub fn failure(self, now: Timestamp) -> ProviderFailure {
        match self {
            Busy | Self::Unknown => ProviderFailure::Unavailable { retry_after: RETRY_AFTER },
            CodeInvalid => ProviderFailure::CodeInvalid,
            CodeUsed => ProviderFailure::CodeUsed,
            UserBlocked => ProviderFailure::UserBlocked,
            Refused => ProviderFailure::Refused,
            Throttled => ProviderFailure::Throttled { retry_after: until_next_minute(now) },
            // A second access token was rejected as well, or only the operator can clear the quota.
            StaleToken | QuotaExceeded | Misconfigured => ProviderFailure::Misconfigured,
        }
    }
}

/// Time until the next minute, from 1 to 60 seconds. WeChat limits calls per minute.
fn until_next_minute(now: Timestamp) -> Duration {
    let into_minute = now.unix_seconds().rem_euclid(60).unsigned_abs();
    Duration::from_secs(60 - into_minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_millis(1_795_000_000_000);

    #[test]
    fn table_is_sorted_without_duplicates() {
        assert!(TABLE.is_sorted_by(|a, b| a.code < b.code));
        assert!(TABLE.iter().all(|row| row.code != 0 && !row.meaning.is_empty()));
    }

    /// Repeats the mapping for the endpoints that redeem codes, grouped by failure instead of by code.
    #[test]
    fn every_errcode_maps_to_its_failure() {
        let failure = |code, endpoint| match code {
            40003 | 43104 if endpoint == Endpoint::PhoneNumber => ProviderFailure::CodeInvalid,
            -1 => ProviderFailure::Unavailable { retry_after: RETRY_AFTER },
            40029 | 40030 | 42002 | 42003 | 42007 | 61010 | 87007..=87009 => {
                ProviderFailure::CodeInvalid
            }
            40163 => ProviderFailure::CodeUsed,
            40226 | 50001 | 50002 => ProviderFailure::UserBlocked,
            87014 | 89300 => ProviderFailure::Refused,
            44991 | 45011 => ProviderFailure::Throttled { retry_after: Duration::from_secs(20) },
            _ => ProviderFailure::Misconfigured,
        };
        for row in TABLE {
            for endpoint in [Endpoint::CodeToSession, Endpoint::PhoneNumber] {
                let found = Class::of(row.code, endpoint).failure(NOW);
                assert_eq!(found, failure(row.code, endpoint), "{} {endpoint:?}", row.code);
            }
        }
    }

    #[test]
    fn stale_token_is_retried_for_phone_codes_only() {
        for code in [40001, 40014, 42001] {
            let class = |endpoint| Class::of(code, endpoint);
            assert_eq!(class(Endpoint::PhoneNumber), StaleToken);
            assert_eq!(class(Endpoint::CodeToSession), Misconfigured);
            assert_eq!(class(Endpoint::StableToken), Misconfigured);
        }
    }

    #[test]
    fn access_token_errors_never_blame_a_code_or_a_user() {
        for row in TABLE {
            let class = row.class(Endpoint::StableToken);
            let possible = [Busy, Throttled, QuotaExceeded, Misconfigured];
            assert!(possible.contains(&class), "{} {class:?}", row.code);
        }
    }

    #[test]
    fn unknown_errcode_is_an_outage() {
        assert_eq!(
            Class::of(12_345, Endpoint::CodeToSession).failure(NOW),
            ProviderFailure::Unavailable { retry_after: RETRY_AFTER }
        );
    }

    #[test]
    fn throttling_ends_with_the_minute() {
        let wait =
            |seconds: i64| until_next_minute(Timestamp::from_unix_millis(seconds * 1000 + 999));
        assert_eq!(wait(120), Duration::from_mins(1));
        assert_eq!(wait(179), Duration::from_secs(1));
        assert_eq!(wait(-1), Duration::from_secs(1));
    }
}
