//! Python and Node.js toolchains for tests, each with its packages in a folder of its own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::apt;

/// Creates a virtual environment with these packages in `folder`; returns its interpreter.
pub(crate) fn python(sh: &Shell, folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    // An environment stops working when the Python it was created from is removed.
    let version = cmd!(sh, "{python} --version").quiet().ignore_stdout().ignore_stderr().run();
    install(sh, folder, packages, version.is_ok(), || {
        // Debian packages `ensurepip` apart from Python; without it, `venv` leaves an incomplete
        // folder.
        let venv =
            || cmd!(sh, "python3 -c").arg("import venv, ensurepip").quiet().ignore_stderr().run();
        apt::ensure(sh, "python3 with venv", &["python3", "python3-venv"], || venv().is_ok())?;
        cmd!(sh, "python3 -m venv {folder}").run()?;
        if packages.is_empty() {
            return Ok(());
        }
        cmd!(sh, "{python} -m pip install -q --disable-pip-version-check {packages...}").run()?;
        Ok(())
    })?;
    Ok(python)
}

/// Installs Node.js, and these packages into `folder`; returns the interpreter.
pub(crate) fn node(sh: &Shell, folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    ensure_node(sh)?;
    install(sh, folder, packages, true, || {
        sh.create_dir(folder)?;
        if packages.is_empty() {
            return Ok(());
        }
        let npm = cmd!(sh, "npm install --silent --no-audit --no-fund --prefix {folder}");
        npm.args(packages).run()?;
        Ok(())
    })?;
    Ok("node".into())
}

/// Installs Node.js, and the packages of the lock file in `folder`.
pub(crate) fn locked_node(sh: &Shell, folder: &Path) -> Result<()> {
    ensure_node(sh)?;
    let lock = sh.read_file(folder.join("package-lock.json"))?;
    install(sh, &folder.join("node_modules"), &[&lock], true, || {
        cmd!(sh, "npm ci --silent --no-audit --no-fund --prefix {folder}").run()?;
        Ok(())
    })
}

/// Installs Node.js 18 or later: the oldest supported Debian and Ubuntu releases package version 18.
fn ensure_node(sh: &Shell) -> Result<()> {
    let succeeds = |program: &str, args: &[&str]| {
        cmd!(sh, "{program} {args...}").quiet().ignore_stdout().ignore_stderr().run().is_ok()
    };
    let recent = ["-e", "process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)"];
    apt::ensure(sh, "Node.js 18 or later with npm", &["nodejs", "npm"], || {
        succeeds("node", &recent) && succeeds("npm", &["--version"])
    })
}

/// Recreates `folder` with `create`, unless it is usable and contains these packages.
fn install(
    sh: &Shell,
    folder: &Path,
    packages: &[&str],
    is_usable: bool,
    create: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let record = folder.join("installed.txt");
    let required = packages.join("\n");
    if is_usable && sh.read_file(&record).is_ok_and(|installed| installed == required) {
        return Ok(());
    }
    sh.remove_path(folder)?;
    create()?;
    sh.write_file(record, required)?;
    Ok(())
}
