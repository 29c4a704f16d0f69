//! Cargo calls with one feature set for the whole workspace, so that tasks share build artifacts.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

/// Creates a shell in the workspace root: relative paths of the configuration start there.
pub(crate) fn workspace_shell() -> Result<Shell> {
    let sh = Shell::new()?;
    sh.change_dir(root());
    Ok(sh)
}

/// Returns the workspace root.
pub(crate) fn root() -> &'static Path {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifests.parent().unwrap_or(manifests)
}

/// Builds programs and examples, given as `--bin menshen` or `--example documents`.
///
/// `--workspace` and the example `entities` are always passed: with them, cargo selects the same
/// features (and the same debug information of the dependencies that proc macros share with
/// programs) as `cargo test --workspace --all-targets`. Otherwise the two commands would rebuild
/// hundreds of dependencies in turn.
pub(crate) fn build(sh: &Shell, targets: &[&str]) -> Result<()> {
    cmd!(sh, "cargo build --workspace --example entities {targets...}").quiet().run()?;
    Ok(())
}

/// Returns the path of a built program, in the folder of this one. Examples are in `examples/`.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let this = env::current_exe().context("this program's own path is unknown")?;
    let path = this.with_file_name("").join(name);
    ensure!(
        path.is_file(),
        "{} is missing: it is expected next to {}",
        path.display(),
        this.display()
    );
    Ok(path)
}

/// Builds the programs of these packages with the release profile.
pub(crate) fn build_release(sh: &Shell, packages: &[&str]) -> Result<()> {
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    cmd!(sh, "cargo build --locked --release --bins {packages...}").quiet().run()?;
    Ok(())
}

/// Returns the path of a program that was built with the release profile.
pub(crate) fn released_program(name: &str) -> Result<PathBuf> {
    let this = env::current_exe().context("this program's own path is unknown")?;
    let target = this.parent().and_then(Path::parent).context("this program is outside target/")?;
    Ok(target.join("release").join(name))
}

/// Returns the path of a scratch folder under `target/`.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let this = env::current_exe().context("this program's own path is unknown")?;
    let target = this.parent().and_then(Path::parent).context("this program is outside target/")?;
    Ok(target.join("xtask").join(name))
}

/// Selection of the Rust tests; each is a profile of `.config/nextest.toml`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tests {
    /// Tests that need only the Rust toolchain.
    Embedded,
    /// All tests. The servers are running and their URLs are in the environment.
    All,
    /// Soak tests: one at a time, with all iterations.
    Soak,
}

/// Modules of the tests that need a server. `.config/nextest.toml` contains the same list.
const SERVER_MODULES: [&str; 4] =
    ["on_postgresql::", "on_mariadb::", "on_redis::", "on_redis_cluster::"];

/// Runs the workspace's Rust tests whose names contain one of `names` (all if empty), with
/// cargo-nextest if it is installed. Fails if no test matches.
pub(crate) fn test(sh: &Shell, tests: Tests, names: &[String]) -> Result<()> {
    let profile = match tests {
        Tests::Embedded => "default",
        Tests::All => "all",
        Tests::Soak => "soak",
    };
    let nextest = cmd!(sh, "cargo nextest --version").quiet().ignore_stderr().read().is_ok();
    let command = if nextest {
        cmd!(sh, "cargo nextest run --workspace --all-targets --profile {profile} -- {names...}")
    } else {
        let modules = SERVER_MODULES.iter().flat_map(|module| ["--skip", module]);
        let skipped: Vec<_> = modules.filter(|_| tests == Tests::Embedded).collect();
        // Unlike nextest, `cargo test` succeeds if no test matches.
        let list = cmd!(sh, "cargo test --workspace --all-targets --quiet -- --list {names...}");
        let is_found = list.args(&skipped).quiet().read()?.contains(": test\n");
        ensure!(is_found, "no test name contains {}", names.join(" or "));
        cmd!(sh, "cargo test --workspace --all-targets --no-fail-fast -- {names...} {skipped...}")
    };
    command.run()?;
    Ok(())
}

/// Runs the examples in doc comments, which nextest and `--all-targets` leave out.
pub(crate) fn doctest(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo test --workspace --doc --quiet").run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_profile_and_cargo_skip_the_same_server_tests() {
        let settings = std::fs::read_to_string(root().join(".config/nextest.toml")).unwrap();
        let server = |module: &'static str| module.strip_prefix("on_")?.strip_suffix("::");
        let servers: Vec<_> = SERVER_MODULES.into_iter().filter_map(server).collect();
        let filter = format!(r"'not test(/\bon_({})::/)'", servers.join("|"));
        assert!(settings.contains(&filter), "{filter}");
    }
}
