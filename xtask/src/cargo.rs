//! Builds and tests the workspace with one set of features, so that no task undoes another's work.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

/// A shell in the workspace's root, where relative paths of the configuration start.
pub(crate) fn workspace_shell() -> Result<Shell> {
    let sh = Shell::new()?;
    sh.change_dir(root());
    Ok(sh)
}

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifests.parent().unwrap_or(manifests)
}

/// Builds programs and examples, named as in `--bin menshen` or `--example documents`.
///
/// Always with `--workspace` and the example `entities`: they make cargo choose the features (and
/// the debug information of what proc macros share with programs) that
/// `cargo test --workspace --all-targets` chooses. Otherwise the two would rebuild hundreds of
/// crates of others in turn.
pub(crate) fn build(sh: &Shell, targets: &[&str]) -> Result<()> {
    cmd!(sh, "cargo build --workspace --example entities {targets...}").quiet().run()?;
    Ok(())
}

/// Where a built program is: beside this one. Examples are in `examples/`.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let this = env::current_exe().context("this program's own path is unknown")?;
    let path = this.with_file_name("").join(name);
    ensure!(path.is_file(), "{} is missing: it is built beside {}", path.display(), this.display());
    Ok(path)
}

/// Builds programs as they are delivered, by package.
pub(crate) fn build_release(sh: &Shell, packages: &[&str]) -> Result<()> {
    let packages = packages.iter().flat_map(|package| ["--package", package]);
    cmd!(sh, "cargo build --locked --release --bins {packages...}").quiet().run()?;
    Ok(())
}

/// Where a program is that was built as it is delivered.
pub(crate) fn released_program(name: &str) -> Result<PathBuf> {
    let this = env::current_exe().context("this program's own path is unknown")?;
    let target = this.parent().and_then(Path::parent).context("this program is outside target/")?;
    Ok(target.join("release").join(name))
}

/// A folder of this task's own under `target/`.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let this = env::current_exe().context("this program's own path is unknown")?;
    let target = this.parent().and_then(Path::parent).context("this program is outside target/")?;
    Ok(target.join("xtask").join(name))
}

/// Which of the Rust tests to run, each a profile of `.config/nextest.toml`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tests {
    /// Those that need nothing beside the toolchain.
    Embedded,
    /// All; the servers run and are announced.
    All,
    /// One at a time and as long as they take.
    InFull,
}

/// In which modules tests are that need a server. `.config/nextest.toml` has them too.
const SERVERS: [&str; 4] = ["on_postgresql::", "on_mariadb::", "on_redis::", "on_redis_cluster::"];

/// Runs the workspace's Rust tests whose names contain one of `names` (all when empty), with
/// cargo-nextest where it is present. Fails when there is none of them.
pub(crate) fn test(sh: &Shell, tests: Tests, names: &[String]) -> Result<()> {
    let profile = match tests {
        Tests::Embedded => "default",
        Tests::All => "all",
        Tests::InFull => "soak",
    };
    let nextest = cmd!(sh, "cargo nextest --version").quiet().ignore_stderr().read().is_ok();
    let command = if nextest {
        cmd!(sh, "cargo nextest run --workspace --all-targets --profile {profile} -- {names...}")
    } else {
        let servers = SERVERS.iter().flat_map(|server| ["--skip", server]);
        let skipped: Vec<_> = servers.filter(|_| tests == Tests::Embedded).collect();
        // Unlike nextest, cargo passes what it does not find.
        let list = cmd!(sh, "cargo test --workspace --all-targets --quiet -- --list {names...}");
        let found = list.args(&skipped).quiet().read()?.contains(": test\n");
        ensure!(found, "no test's name contains {}", names.join(" or "));
        cmd!(sh, "cargo test --workspace --all-targets --no-fail-fast -- {names...} {skipped...}")
    };
    command.run()?;
    Ok(())
}

/// Runs the examples in doc comments, which neither nextest nor `--all-targets` does.
pub(crate) fn doctest(sh: &Shell) -> Result<()> {
    cmd!(sh, "cargo test --workspace --doc --quiet").run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_and_cargo_leave_the_same_tests_out() {
        let settings = std::fs::read_to_string(root().join(".config/nextest.toml")).unwrap();
        let kinds: Vec<_> = SERVERS.iter().filter_map(|name| name.strip_suffix("::")).collect();
        let kinds: Vec<_> = kinds.iter().filter_map(|name| name.strip_prefix("on_")).collect();
        let filter = format!(r"'not test(/\bon_({})::/)'", kinds.join("|"));
        assert!(settings.contains(&filter), "{filter}");
    }
}
