//! Tests of the mini program SDK and of the example that uses it, against the real programs.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{cargo, dev, toolchains};

/// Folder of the SDK's package.
const PACKAGE: &str = "clients/miniprogram";

pub(super) fn run(sh: &Shell) -> Result<()> {
    let package = cargo::root().join(PACKAGE);
    toolchains::locked_node(sh, &package)?;
    dev::build(sh)?;
    let programs = cargo::program("menshen")?.with_file_name("");
    let npm = cmd!(sh, "timeout 300 npm run --silent test --prefix {package}");
    npm.env("MENSHEN_PROGRAMS", programs).env("no_proxy", "127.0.0.1").run()?;
    Ok(())
}
