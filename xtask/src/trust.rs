//! `cargo xtask trust`: the long checks in full, with their figures.

use anyhow::Result;
use xshell::Shell;

use crate::cargo::{self, Tests};
use crate::servers;
use crate::test::schemathesis;

/// Runs the tests named `trust_…`, which read their number of rounds from `MENSHEN_TRUST`, and holds the
/// OpenAPI document against the server.
///
/// One at a time, so that their figures are not each other's noise; nextest takes that, and the
/// printing of what they measured, from its profile.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let _full = sh.push_env("MENSHEN_TRUST", "full");
    let _alone = sh.push_env("RUST_TEST_THREADS", "1");
    let _printed = sh.push_env("RUST_TEST_NOCAPTURE", "1");
    let running = servers::start_all(sh)?;
    cargo::test(sh, Tests::InFull, &["trust_".to_owned()])?;
    drop(running);
    schemathesis::run_in_full(sh)
}
