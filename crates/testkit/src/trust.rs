//! How thorough a check is that can be repeated without end.

/// How many rounds: `few` among the tests, `full` with `cargo xtask trust`.
#[must_use]
pub fn rounds(few: usize, full: usize) -> usize {
    if std::env::var_os("MENSHEN_TRUST").is_some_and(|wanted| wanted == "full") {
        full
    } else {
        few
    }
}
