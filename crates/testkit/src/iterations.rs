//! Number of iterations of a check that can be repeated indefinitely.

/// Returns `quick` in the ordinary tests and `full` in a soak test (`cargo xtask soak`).
#[must_use]
pub fn iterations(quick: usize, full: usize) -> usize {
    if std::env::var_os("MENSHEN_SOAK").is_some_and(|mode| mode == "full") { full } else { quick }
}
