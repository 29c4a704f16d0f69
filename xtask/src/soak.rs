//! `cargo xtask soak`: the long checks in full, with their figures.

use anyhow::Result;
use xshell::Shell;

use crate::cargo::{self, Tests};
use crate::servers;
use crate::test::{browser, schemathesis};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs only these.
    part: Option<Part>,
    /// Runs only the checks among the Rust tests whose names contain one of these, as
    /// `soak_instances_die`.
    #[arg(last = true, conflicts_with = "part")]
    filter: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Part {
    /// The tests named `soak_…`.
    Rust,
    /// The OpenAPI document against the server.
    Openapi,
    /// The pages in a browser, on an old device with a bad network.
    Pages,
}

/// Runs every part, or the one that is asked for.
pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let wanted = |part| options.part.is_none_or(|only| only == part);
    if wanted(Part::Rust) {
        run_rust(sh, &options.filter)?;
    }
    if !options.filter.is_empty() {
        return Ok(());
    }
    if wanted(Part::Openapi) {
        schemathesis::run_in_full(sh)?;
    }
    if wanted(Part::Pages) {
        browser::run_slowly(sh)?;
    }
    Ok(())
}

/// Runs the tests named `soak_…`, which read their number of rounds from `MENSHEN_SOAK`.
///
/// One at a time, so that their figures are not each other's noise; nextest takes that, and the
/// printing of what they measured, from its profile.
fn run_rust(sh: &Shell, filter: &[String]) -> Result<()> {
    let _full = sh.push_env("MENSHEN_SOAK", "full");
    let _alone = sh.push_env("RUST_TEST_THREADS", "1");
    let _printed = sh.push_env("RUST_TEST_NOCAPTURE", "1");
    let _running = servers::start_all(sh)?;
    let filter = if filter.is_empty() { &["soak_".to_owned()] } else { filter };
    cargo::test(sh, Tests::InFull, filter)
}
