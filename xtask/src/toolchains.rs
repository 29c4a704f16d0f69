//! Python and Node.js for tests, each with packages in a folder of their own.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::apt;

/// The Python of an environment in `folder` with these packages.
pub(crate) fn python(sh: &Shell, folder: &Path, packages: &[&str]) -> Result<PathBuf> {
    let python = folder.join("bin/python");
    // False after the Python it was made from is gone.
    let works = cmd!(sh, "{python} --version").quiet().ignore_stdout().ignore_stderr().run();
    install(sh, folder, packages, works.is_ok(), || {
        // `ensurepip` is what Debian keeps apart from Python; without it `venv` makes half a folder.
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

/// Node.js, with these packages for programs in `folder`.
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

/// Makes sure of Node.js, and of the packages that the lock file in `folder` names.
pub(crate) fn locked_node(sh: &Shell, folder: &Path) -> Result<()> {
    ensure_node(sh)?;
    let lock = sh.read_file(folder.join("package-lock.json"))?;
    install(sh, &folder.join("node_modules"), &[&lock], true, || {
        cmd!(sh, "npm ci --silent --no-audit --no-fund --prefix {folder}").run()?;
        Ok(())
    })
}

/// The oldest that Debian and Ubuntu still support comes with version 18.
fn ensure_node(sh: &Shell) -> Result<()> {
    let works = |program: &str, args: &[&str]| {
        cmd!(sh, "{program} {args...}").quiet().ignore_stdout().ignore_stderr().run().is_ok()
    };
    let recent = ["-e", "process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)"];
    apt::ensure(sh, "Node.js 18 or later with npm", &["nodejs", "npm"], || {
        works("node", &recent) && works("npm", &["--version"])
    })
}

/// Makes `folder` anew by `make` unless it `works` and has these packages.
fn install(
    sh: &Shell,
    folder: &Path,
    packages: &[&str],
    works: bool,
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (record, wanted) = (folder.join("installed.txt"), packages.join("\n"));
    if works && sh.read_file(&record).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    sh.remove_path(folder)?;
    make()?;
    sh.write_file(record, wanted)?;
    Ok(())
}
