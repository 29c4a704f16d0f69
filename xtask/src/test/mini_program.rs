//! The mini program's side: its package and the example that uses it, against the real programs.

use std::path::Path;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::{cargo, codegen, dev, interpreters};

/// The package, and what `npm run build` makes of it: there, and for the example.
const PACKAGE: &str = "clients/miniprogram";
const BUILT: [&str; 2] =
    ["clients/miniprogram/miniprogram_dist", "examples/miniprogram/miniprogram_npm"];

pub(super) fn run(sh: &Shell) -> Result<()> {
    let package = cargo::root().join(PACKAGE);
    interpreters::locked_node(sh, &package)?;
    dev::build(sh)?;
    ensure_built(sh, &package)?;
    let programs = cargo::program("menshen")?.with_file_name("");
    let npm = cmd!(sh, "timeout 300 npm run --silent test --prefix {package}");
    npm.env("MENSHEN_PROGRAMS", programs).env("no_proxy", "127.0.0.1").run()?;
    Ok(())
}

/// What is committed of what is built must be what its source makes: whoever takes the repository as it
/// is builds nothing.
fn ensure_built(sh: &Shell, package: &Path) -> Result<()> {
    let made = cargo::scratch("mini_program")?;
    sh.remove_path(&made)?;
    let build = package.join("build.mjs");
    cmd!(sh, "node {build} {made}").quiet().run()?;
    for folder in BUILT {
        let committed = cargo::root().join(folder);
        let stale = codegen::ensure_fresh(&made.join(folder), &committed, true, true)?;
        ensure!(stale.is_empty(), "{folder} is stale: run `npm run build` in {PACKAGE} and commit");
    }
    Ok(())
}
