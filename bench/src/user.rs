//! Users of the benchmark: each is a number from which all programs derive the same ids.

/// Odd multiplier that maps numbers of 32 bits one to one to unordered ones, because real openids are
/// not ordered.
pub(crate) const MULTIPLIER: u64 = 2_654_435_761;
/// Modulus of the mapping: 32 bits.
pub(crate) const RANGE: u64 = 1 << 32;

/// Returns a login code or phone code of a user; `nonce` makes it unique.
pub(crate) fn code(user: u64, nonce: &str) -> String {
    format!("{user}-{nonce}")
}

/// Returns the user of a code.
pub(crate) fn from_code(code: &str) -> Option<u64> {
    code.split_once('-')?.0.parse().ok()
}

/// Returns the openid of a user: 28 characters, like WeChat's. `fill` has the same expression in SQL.
pub(crate) fn openid(user: u64) -> String {
    format!("o{:027x}", user * MULTIPLIER % RANGE)
}

/// Returns the phone number of a user: a mainland number without the country code.
pub(crate) fn phone(user: u64) -> String {
    format!("13{:09}", user % 1_000_000_000)
}
