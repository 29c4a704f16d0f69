//! `cargo xtask trust`: the long checks in full, with their figures.

use anyhow::Result;
use xshell::Shell;

use crate::cargo::{self, Tests};
use crate::servers;
use crate::test::schemathesis;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs only the checks among the Rust tests whose names contain one of these, as
    /// `trust_instances_die`.
    #[arg(last = true)]
    filter: Vec<String>,
}

/// Runs the tests named `trust_…`, which read their number of rounds from `MENSHEN_TRUST`, and holds the
/// OpenAPI document against the server.
///
/// One at a time, so that their figures are not each other's noise; nextest takes that, and the
/// printing of what they measured, from its profile.
pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let _full = sh.push_env("MENSHEN_TRUST", "full");
    let _alone = sh.push_env("RUST_TEST_THREADS", "1");
    let _printed = sh.push_env("RUST_TEST_NOCAPTURE", "1");
    let running = servers::start_all(sh)?;
    if !options.filter.is_empty() {
        return cargo::test(sh, Tests::InFull, &options.filter);
    }
    cargo::test(sh, Tests::InFull, &["trust_".to_owned()])?;
    drop(running);
    schemathesis::run_in_full(sh)
}
