//! `cargo xtask soak`: the soak tests with all iterations, and their figures.

use anyhow::Result;
use xshell::Shell;

use crate::cargo::{self, Tests};
use crate::servers;
use crate::test::{browser, schemathesis};

/// Prefix of the names of soak tests. `.config/nextest.toml` contains it, too.
const PREFIX: &str = "soak_";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only this part.
    part: Option<Part>,
    /// Run only the Rust soak tests whose names contain one of these, as `soak_instance_crashes`.
    #[arg(last = true, conflicts_with = "part")]
    filter: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Part {
    /// The Rust tests named `soak_…`.
    Rust,
    /// The OpenAPI document against the server.
    Openapi,
    /// The pages in a browser, on a slow device with a bad network.
    Pages,
}

/// Runs the selected part, or all of them.
pub(crate) fn run(sh: &Shell, options: &Options) -> Result<()> {
    let is_selected = |part| options.part.is_none_or(|only| only == part);
    if is_selected(Part::Rust) {
        run_rust(sh, &options.filter)?;
    }
    if !options.filter.is_empty() {
        return Ok(());
    }
    if is_selected(Part::Openapi) {
        schemathesis::soak(sh)?;
    }
    if is_selected(Part::Pages) {
        browser::soak(sh)?;
    }
    Ok(())
}

/// Runs the tests named `soak_…`, which read their number of iterations from `MENSHEN_SOAK`.
///
/// They run one at a time, so that they do not distort each other's figures. nextest takes this,
/// and the printing of the figures, from its profile.
fn run_rust(sh: &Shell, filter: &[String]) -> Result<()> {
    let _full = sh.push_env("MENSHEN_SOAK", "full");
    let _sequential = sh.push_env("RUST_TEST_THREADS", "1");
    let _printed = sh.push_env("RUST_TEST_NOCAPTURE", "1");
    let _servers = servers::start_all(sh)?;
    let filter = if filter.is_empty() { &[PREFIX.to_owned()] } else { filter };
    cargo::test(sh, Tests::Soak, filter)
}
