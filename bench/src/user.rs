//! The users of the benchmark: each is a number, which every part turns into the same ids.

/// Spreads numbers over all of 32 bits, one to one: real openids come in no order either.
pub(crate) const SPREAD: u64 = 2_654_435_761;
pub(crate) const RANGE: u64 = 1 << 32;

/// What a code says of its user, and what makes it another code than the user's last.
pub(crate) fn code(user: u64, nonce: &str) -> String {
    format!("{user}-{nonce}")
}

/// Whose code it is.
pub(crate) fn of_code(code: &str) -> Option<u64> {
    code.split_once('-')?.0.parse().ok()
}

/// Has 28 characters, as WeChat's have. `fill` says the same in SQL.
pub(crate) fn openid(user: u64) -> String {
    format!("o{:027x}", user * SPREAD % RANGE)
}

/// A mainland number without the country's code.
pub(crate) fn phone(user: u64) -> String {
    format!("13{:09}", user % 1_000_000_000)
}
